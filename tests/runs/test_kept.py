"""A run folder that somebody removes, moves or edits while the run works in it."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families.base import hash_of
from hsiauto.families.svm import SvmConfig
from hsiauto.files import run_lock
from hsiauto.runs import folder as folders
from hsiauto.runs import opened
from hsiauto.runs.opened import OpenRun
from hsiauto.runs.prepare import Prepared, prepare, reopen
from hsiauto.runs.watch import Watch
from hsiauto.scene import Scene
from hsiauto.scene.source import SceneSource
from hsiauto.search.events import Opened, Resumed, Warned, of, to_line
from hsiauto.search.journal import read
from hsiauto.search.workers.resources import Machine
from hsiauto.split import SplitSpec
from tests import told


@pytest.fixture(scope="module")
def prepared(tiny_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("scene")
    np.save(folder / "cube.npy", tiny_scene.cube)
    np.save(folder / "labels.npy", tiny_scene.labels)
    source = SceneSource(dataset=str(folder / "cube.npy"), labels=folder / "labels.npy")
    split = SplitSpec(protocol="random", train_fraction=0.2)
    return prepare(RunConfig(scene=source, split=split, families=("svm",), budget=1))


@contextmanager
def _run(prepared: Prepared, folder: Path) -> Iterator[OpenRun]:
    """A run that has begun, without workers."""
    with folders.claimed(folder):
        folders.create(folder, prepared.run_config, prepared.split)
        with opened._open(prepared, folder, Machine.here(), Watch(), folders.REFITS) as run:
            yield run


def _replaced(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / folders.JOURNAL).write_text("mine")


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (shutil.rmtree, "removed"),
        (lambda folder: folder.rename(folder.with_name("moved")), "removed"),
        (lambda folder: (folder / folders.JOURNAL).unlink(), "removed"),
        (lambda folder: (folder / folders.JOURNAL).write_text("mine"), "changed"),
        (_replaced, "replaced"),
    ],
)
def test_what_is_lost_is_written_again_and_said(
    harm: Callable[[Path], object], what: str, prepared: Prepared, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with _run(prepared, folder) as run:
        before = [path.name for path in folder.iterdir()]
        run.phase(lambda: harm(folder))
        result = run.finish()
        with pytest.raises(UserError, match="one driver"), run_lock(folder):
            pytest.fail("two drivers")
    assert {*before, folders.LEADERBOARD} <= {path.name for path in folder.iterdir()}
    events = read(folder / folders.JOURNAL)
    assert isinstance(events[0], Opened)
    assert f"journal.jsonl was {what} while the run wrote it" in of(Warned, events)[0].text
    assert any(what in text for text in result.warnings)
    theirs = list(folder.glob("journal.jsonl.other-*"))
    assert [path.read_text() for path in theirs] == ["mine"] * (what != "removed")
    assert folders.read_config(folder) == prepared.run_config
    with run_lock(folder):
        pass


PROPOSED = told.proposed(of=SvmConfig(C=2.0))


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        (folders.JOURNAL, None, "begins with the event `opened`; received no event"),
        (
            folders.JOURNAL,
            to_line(PROPOSED).replace(b'"C":2.0', b'"C":3.0'),
            "line 2: svm, whose `config` is not of hash",
        ),
        (folders.REFITS, to_line(told.refit("k", config_hash=hash_of({}), split_hash="other")), "line 1: other"),
        (folders.REFITS, to_line(told.refit("k", config_hash="c")), "line 1: svm, whose `config` is not of hash c"),
    ],
)
def test_journals_that_are_not_the_runs_own_are_not_gone_on_with(
    name: str, line: bytes | None, words: str, prepared: Prepared, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    with _run(prepared, folder) as run:
        run.journal.append(PROPOSED)
    assert reopen(prepared.run_config, folder).split.hash == prepared.split.hash
    whole = (folder / folders.JOURNAL).read_bytes().splitlines(keepends=True)
    kept = [] if line is None else whole[:1] if name == folders.JOURNAL else []
    (folder / name).write_bytes(b"".join(kept) + (b"" if line is None else line + b"\n"))
    with pytest.raises(UserError, match=re.escape(words)):
        reopen(prepared.run_config, folder)


def test_a_run_folder_behind_a_link_is_made_again_where_it_was(prepared: Prepared, tmp_path: Path) -> None:
    folder, real = tmp_path / "run", tmp_path / "disk" / "run"
    real.mkdir(parents=True)
    folder.symlink_to(real)
    with _run(prepared, folder) as run:
        shutil.rmtree(real.parent)
        run.finish()
    assert folder.is_symlink()
    assert (real / folders.LEADERBOARD).exists()
    assert read(folder / folders.JOURNAL) == read(real / folders.JOURNAL) == run.journal.events


def test_an_event_after_the_loss_finds_all_that_was_before_it(prepared: Prepared, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with _run(prepared, folder) as run:
        for budget in (2, 3):
            shutil.rmtree(folder)
            run.journal.append(Resumed(budget=budget))
    assert [event.event for event in read(folder / folders.JOURNAL)] == ["opened", "resumed", "resumed"]


def test_a_folder_that_another_driver_has_taken_is_left_alone(prepared: Prepared, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with _run(prepared, folder) as run:
        shutil.rmtree(folder)
        folder.mkdir()
        with run_lock(folder):
            (folder / folders.JOURNAL).write_text("another run's")
            with pytest.raises(UserError, match="one driver"):
                run.finish()
    assert (folder / folders.JOURNAL).read_text() == "another run's"


def test_results_that_cannot_be_written_are_an_error(prepared: Prepared, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with _run(prepared, folder) as run:
        shutil.rmtree(folder)
        folder.write_text("a file")
        with pytest.raises(UserError, match="must be writable"):
            run.finish()

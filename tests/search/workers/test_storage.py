"""Checkpoints in a folder, behind a file:// URI, and in a part of another filesystem: the same behaviour."""

import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import fs

from hsiauto.errors import UserError
from hsiauto.search.workers.driver import _Weights
from hsiauto.search.workers.storage import (
    Storage,
    attempt_name,
    check_storage,
    checkpoint_name,
    folder_storage,
    open_storage,
)
from hsiauto.training.trial import CHECKPOINT
from tests.search import fakes

_OPENED: dict[str, Callable[[Path], Storage]] = {
    "run folder": lambda folder: open_storage(None, folder / "run"),
    "shared folder": lambda folder: open_storage(str(folder / "shared"), folder / "run"),
    "file URI": lambda folder: open_storage(f"file://{folder}/by-uri", folder / "run"),
    "part of a filesystem": lambda folder: Storage(fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()), "part"),
    "mock": lambda folder: Storage(fs._MockFileSystem(), "bucket/run"),
}


@pytest.fixture(params=list(_OPENED))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return _OPENED[request.param](tmp_path)


def _train(storage: Storage, trial_id: str, attempt: int, content: str) -> str | None:
    """Play a worker: begin, train, save, end. What it found at the start."""
    folder = storage.begin(trial_id, attempt)
    checkpoint = folder / CHECKPOINT
    found = checkpoint.read_text() if checkpoint.exists() else None
    (folder / "log.txt").write_text(f"log of {content}")
    for part in ("half", content):
        checkpoint.write_text(part)
        storage.put(trial_id, attempt, folder)
        assert storage.read(checkpoint_name(trial_id, attempt)) == part.encode()
    storage.end(trial_id, attempt, folder)
    if not storage.is_folder:
        assert not folder.exists()  # nothing stays on the worker's machine
    return found


def test_another_attempt_on_another_machine_goes_on_from_the_last_checkpoint(storage: Storage) -> None:
    assert storage.is_empty()
    assert _train(storage, "t0001", 1, "epoch 3") is None
    assert _train(storage, "t0002", 1, "epoch 9") is None
    assert not storage.is_empty()
    storage.hand_over("t0001", 2)
    assert _train(storage, "t0001", 2, "epoch 6") == "epoch 3"
    assert storage.read(checkpoint_name("t0001", 1)) == b"epoch 3"  # an orphan's own
    storage.hand_over("t0001", 4)  # attempt 3 saved nothing
    assert storage.read(checkpoint_name("t0001", 4)) == b"epoch 6"
    assert storage.read(f"{attempt_name('t0001', 2)}/log.txt") == b"log of epoch 6"


def test_the_first_attempt_is_handed_nothing(storage: Storage) -> None:
    storage.hand_over("t0001", 1)
    storage.hand_over("t0001", 2)
    assert storage.is_empty()


def test_dropped_is_gone_and_twice_is_no_error(storage: Storage) -> None:
    _train(storage, "t0001", 1, "epoch 3")
    storage.drop("t0001", 1)
    storage.drop("t0001", 1)
    assert storage.read(checkpoint_name("t0001", 1)) is None
    assert storage.read(f"{attempt_name('t0001', 1)}/log.txt") is not None


def test_a_new_run_needs_an_empty_storage_and_a_resumed_one_finds_its_own(storage: Storage) -> None:
    check_storage(storage, "here", new=True)
    assert storage.is_empty()  # the check leaves nothing
    _train(storage, "t0001", 1, "epoch 3")
    check_storage(storage, "here", new=False)
    with pytest.raises(UserError, match="new or empty"):
        check_storage(storage, "here", new=True)
    assert storage.read(checkpoint_name("t0001", 1)) == b"epoch 3"


@pytest.mark.parametrize("place", [None, "shared", "file"])
def test_storage_travels_to_a_worker(tmp_path: Path, place: str | None) -> None:
    where = {None: None, "shared": str(tmp_path / "shared"), "file": f"file://{tmp_path}/by-uri"}[place]
    storage = open_storage(where, tmp_path / "run")
    storage.write("name", b"content")
    sent = pickle.loads(pickle.dumps(storage))
    assert sent == storage
    assert sent.read("name") == b"content"


@pytest.mark.parametrize("uri", ["nowhere://bucket/run", "s3://", "file://not/absolute"])
def test_a_uri_that_nothing_answers_is_one_line(tmp_path: Path, uri: str) -> None:
    with pytest.raises(UserError, match="`storage`") as refused:
        check_storage(open_storage(uri, tmp_path), uri, new=True)
    assert uri in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_store_that_cannot_be_written_is_refused_before_the_search(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (str(tmp_path / "file" / "below"), f"file://{tmp_path}/file/below"):
        with pytest.raises(UserError):
            check_storage(open_storage(place, tmp_path), place, new=False)


def test_checkpoints_of_trials_that_may_go_on_stay(tmp_path: Path) -> None:
    storage = folder_storage(tmp_path)
    trial: dict[str, Any] = {"family": "quick", "ended": True, "attempt": 1}
    found = {
        "t1": SimpleNamespace(trial_id="t1", by_limit=True, **trial),
        "t2": SimpleNamespace(trial_id="t2", by_limit=False, **trial),
        "t3": SimpleNamespace(trial_id="t3", by_limit=False, **(trial | {"ended": False})),
    }
    for trial_id in found:
        storage.write(checkpoint_name(trial_id, 1), b"weights")
    engine: Any = SimpleNamespace(
        trials=found, of_family=lambda family: list(found.values()), best=lambda family, k: []
    )
    _Weights(storage, fakes.run_config(), engine).tidy("t2")
    assert [storage.exists(checkpoint_name(trial_id, 1)) for trial_id in found] == [True, False, True]

"""A refit of an ensemble: journalled, resumed, exported and tabled as that of any config."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hsiauto import leaderboard as boards
from hsiauto.families import config_from
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.costs import macs, parameters
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.models.bundle import load_model
from hsiauto.refit import MODEL_FOLDER, Work, refit_config
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.workers.jobs import Job
from tests.refit.fabricated import FOREST, SVM, Pool, scene, work
from tests.refit.test_asked_labels import Training

NET = Cnn1dConfig(components=3, batch_size=8)
ENSEMBLE = EnsembleConfig(members=(SVM, FOREST, NET, NET), smoothing="majority", smoothing_radius=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Work, Path]:
    folder = tmp_path_factory.mktemp("run")
    done = work(folder, Training(scene()), max_epochs=2)
    with Journal(folder / "refits.jsonl") as refits:
        refit_config(done, refits, ENSEMBLE, 2, folder)
    return done, folder


def test_its_event_is_that_of_any_config(made: tuple[Work, Path]) -> None:
    first, second = (e for e in of(Refit, read(made[1] / "refits.jsonl")) if e.family == "ensemble")
    assert (first.state, first.kind, first.rank, first.epochs, first.max_epochs) == ("completed", "refit", 1, 2, 2)
    assert (first.seed, second.seed) == (0, 1)
    assert config_from(first.config) == ENSEMBLE
    assert first.config_hash == ENSEMBLE.hash()
    assert first.support == 1
    assert first.parameters == parameters(NET, 6, 3)
    assert first.macs == macs(NET, 6, 3)
    assert first.input == "features + pixel"
    assert first.predict_pixels_per_second is not None


def test_its_model_is_what_was_scored(made: tuple[Work, Path]) -> None:
    done, folder = made
    model = load_model(folder / MODEL_FOLDER)
    assert model.config == ENSEMBLE
    test = done.split.test
    answer = model.probabilities(done.scene.cube, done.scene.valid, test).argmax(axis=1) + 1
    event = next(e for e in of(Refit, read(folder / "refits.jsonl")) if e.family == "ensemble")
    assert event.test_oa == pytest.approx((answer == done.scene.labels.ravel()[test]).mean())


def test_a_resume_trains_only_what_is_not_there(made: tuple[Work, Path], tmp_path: Path) -> None:
    done, folder = made
    lines = (folder / "refits.jsonl").read_bytes().splitlines(keepends=True)
    of_second = next(i for i, line in enumerate(lines) if b'"ensemble"' in line and b'"seed":1' in line)
    (tmp_path / "refits.jsonl").write_bytes(b"".join(lines[:of_second]))
    seen: list[Job] = []

    class Watched(Training):
        def __call__(self, jobs, *rest, **named):  # type: ignore[no-untyped-def]
            seen.extend(jobs)
            return super().__call__(jobs, *rest, **named)

    with Journal(tmp_path / "refits.jsonl") as refits:
        refit_config(replace(done, run_jobs=Watched(done.scene)), refits, ENSEMBLE, 2, tmp_path)
    assert [(job.config, job.seed) for job in seen] == [(ENSEMBLE, 1)]
    again, before = (
        {e.key: e.test_oa for e in of(Refit, read(where / "refits.jsonl"))} for where in (tmp_path, folder)
    )
    assert again == before


def test_its_rows_hold_its_members(made: tuple[Work, Path]) -> None:
    done, folder = made
    context = boards.Context("run", "fabricated", done.run_config, done.split)
    rows = boards.rows(done.journal.events, read(folder / "refits.jsonl"), context).to_pylist()
    row = next(row for row in rows if row["family"] == "ensemble")
    assert config_from(json.loads(row["config"])) == ENSEMBLE
    assert json.loads(row["param.ensemble.members"]) == json.loads(row["config"])["members"]
    assert (row["kind"], row["rank"], row["transductive"]) == ("refit", 1, False)


def test_members_are_bounded_by_the_split(tmp_path: Path) -> None:
    wide = EnsembleConfig(members=(SVM, Cnn1dConfig(components=6, batch_size=8)))
    pool = Pool(scene())
    done = work(tmp_path, pool)
    narrow = replace(done, scene=replace(done.scene, cube=np.ascontiguousarray(done.scene.cube[..., :4])))
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit_config(narrow, refits, wide, 1, tmp_path)
        event = next(e for e in of(Refit, refits.events) if e.family == "ensemble")
    assert event.config_hash == wide.hash()
    assert event.trained_config == wide.bounded(4, 1000).active()
    assert pool.jobs[-1].config == wide.bounded(4, 1000)

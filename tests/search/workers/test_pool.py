import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.models import predict
from hsiauto.search.workers.jobs import Job
from hsiauto.search.workers.pool import run_jobs
from hsiauto.training.active.recipe import ActiveLabels
from tests.search import fakes

pytestmark = pytest.mark.usefixtures("ray_session")

FOREST = config_from({"family": "forest"})


def _job(key: str, config: FamilyConfig, **changes: object) -> Job:
    fields = {"data": "split", "seed": 0, "max_epochs": 2, "predict": np.arange(5)} | changes
    return Job(key, config, **fields)  # type: ignore[arg-type]


def test_jobs_train_predict_save_fail_and_are_skipped(tmp_path: Path) -> None:
    deadline = time.monotonic() + 120
    jobs = [
        _job("good", FOREST, save_to=tmp_path / "model"),
        _job("asks", FOREST, labels=ActiveLabels(initial=0.25, acquire=0.5, cycles=1, margin_rank=2)),
        _job("bad", fakes.Quick(mode="raise")),
        _job("long", FOREST, predicted_seconds=1000.0),
    ]
    run_config = fakes.run_config(concurrency=2)
    results = {r.key: r for r in run_jobs(jobs, {"split": fakes.tiny_data()}, run_config, deadline)}
    assert sorted(results) == ["asks", "bad", "good", "long"]
    good = results["good"]
    assert (good.state, good.error) == ("completed", "")
    assert good.predicted is not None
    assert good.predicted.shape == (5,)
    assert good.report is not None
    assert good.report.epoch == 2
    assert good.predict_seconds > 0
    assert good.started_at < good.finished_at
    assert (tmp_path / "model" / "config.json").exists()
    assert good.cycles == ()
    asked = results["asks"].cycles
    assert [(cycle.number, cycle.labels, cycle.acquisition) for cycle in asked] == [
        (0, 4, "initial"),
        (1, 10, "margin-2"),
    ]
    assert asked[-1].report == results["asks"].report
    at_last, predicted = asked[-1].predicted, results["asks"].predicted
    assert at_last is not None
    assert predicted is not None
    assert at_last.tolist() == predicted.tolist()
    assert results["bad"].state == "failed"  # no such kind of family for the real Trial
    assert results["long"].state == "skipped"
    assert "1000 s" in results["long"].error


class _Counting:
    """A model that notes what it was asked for."""

    support = 0

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], int]] = []

    def probabilities(self, cube: np.ndarray, valid: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        assert valid.shape == cube.shape[:2]
        assert valid.ravel()[pixels].all()
        self.asked.append((cube.shape, len(pixels)))
        return np.ones((len(pixels), 2), np.float32)


@pytest.mark.parametrize("shape", [(300, 90), (20, 30)])
def test_inference_is_timed_on_a_block_and_not_on_the_scene(shape: tuple[int, int]) -> None:
    valid = np.ones(shape, bool)
    valid[shape[0] // 2] = False
    data = replace(fakes.tiny_data(), cube=np.zeros((*shape, 5), np.float32), valid=valid)
    model: Any = _Counting()
    assert 0 < predict.seconds_a_pixel(model, data) < 1
    height, width = min(shape[0], predict.TIMED_SIDE), min(shape[1], predict.TIMED_SIDE)
    assert model.asked == [((height, width, 5), (height - 1) * width)]
    assert np.isnan(predict.seconds_a_pixel(model, replace(data, valid=np.zeros(shape, bool))))


def test_a_dead_worker_is_replaced_once(tmp_path: Path) -> None:
    jobs = [_job("dies", fakes.Quick(mode="die")), _job("lives", fakes.Quick(), predict=None)]
    results = {
        r.key: r
        for r in run_jobs(jobs, {"split": fakes.tiny_data()}, fakes.run_config(), trial_type=fakes.ModellessTrial)
    }
    assert results["dies"].state == "failed"
    assert "died twice" in results["dies"].error
    assert results["lives"].state == "completed"


def test_a_job_that_wants_its_own_worker_shares_its_process_with_no_other() -> None:
    jobs = [_job(f"{own}-{i}", fakes.Quick(), predict=None, own_worker=own) for own in (False, True) for i in range(2)]
    run_config = fakes.run_config(concurrency=1)
    results = run_jobs(jobs, {"split": fakes.tiny_data()}, run_config, trial_type=fakes.ProcessTrial)
    shared, also, *own = [result.report.peak_memory_bytes for result in results if result.report]
    assert shared == also
    assert len({shared, *own}) == 3


def test_a_job_that_overruns_the_deadline_is_given_up_and_says_so() -> None:
    [result] = run_jobs(
        [_job("slow", fakes.Quick(mode="slow"), predict=None, max_epochs=1000)],
        {"split": fakes.tiny_data()},
        fakes.run_config(),
        time.monotonic() + 4.0,
        trial_type=fakes.ModellessTrial,
    )
    assert result.state == "skipped"  # no verdict on the config: a resume tries again
    assert "time limit" in result.error

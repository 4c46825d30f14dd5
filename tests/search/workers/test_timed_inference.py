"""Trials that are timed on a part of the scene: by the worker, with the first report, where the search asks for it."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from ray.tune.trainable import trainable

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.search.workers import trainable as workers
from hsiauto.search.workers.storage import open_storage
from hsiauto.search.workers.trainable import Setting, TrialWorker
from hsiauto.split.seal import TrialData
from tests.search import fakes, real


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("family", ["svm", "cnn2d"])
def test_a_map_is_timed_with_the_first_report_of_each_attempt(
    tmp_path: Path, small_split: TrialData, monkeypatch: pytest.MonkeyPatch, family: str, asked: bool
) -> None:
    config: FamilyConfig = real.small_space(small_split, (family,)).preset(family)
    setting = Setting(
        data=small_split,
        storage=open_storage(None, tmp_path),
        seed=0,
        max_epochs=3,
        device="cpu",
        n_devices=1,
        threads=1,
        save_always=True,
        times_inference=asked,
        parse=config_from,
    )
    first: dict[str, Any] = {"trial_id": "t0001", "attempt": 1, "epochs_known": 0, "config": config.active()}
    measured = itertools.count(1)
    seconds_a_pixel = workers.seconds_a_pixel

    def counted(*given: Any) -> float:
        assert seconds_a_pixel(*given) > 0
        return 1 / next(measured)

    class Worker(TrialWorker):
        def setup(self, config: dict[str, Any], _: Setting | None = None) -> None:
            super().setup(config, setting)

    monkeypatch.setattr(trainable, "DEFAULT_STORAGE_PATH", str(tmp_path))  # else Tune makes folders at home
    monkeypatch.setattr(workers, "seconds_a_pixel", counted)
    worker = Worker(first)

    def paces(until: int) -> list[float | None]:
        told: list[dict[str, Any]] = [worker.step()]
        while told[-1].get("epoch", 0) < until:
            told.append(worker.step())
        return [message["pixels_per_second"] for message in told if message["message"] == "report"]

    def repeated(pace: float, reports: int) -> list[Any]:
        return [pytest.approx(pace) if asked else None] * reports

    if family == "svm":
        assert paces(3) == repeated(1, reports=1)
    else:
        assert paces(2) == repeated(1, reports=2)
        setting.storage.hand_over("t0001", 2)  # the second epoch is saved when the third one is asked for
        worker.reset_config(first | {"attempt": 2, "epochs_known": 2})
        assert paces(3) == repeated(2, reports=2)
    worker.cleanup()


def test_a_search_asks_where_a_cap_or_an_objective_needs_it() -> None:
    assert not fakes.run_config().times_inference
    assert not fakes.run_config(second_objective="parameters", max_macs=1).times_inference
    assert fakes.run_config(min_pixels_per_second=1).times_inference
    assert fakes.run_config(second_objective="pixels_per_second").times_inference

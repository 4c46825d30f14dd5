"""Trials that are timed on a part of the scene: by the worker, after the last epoch, where the search asks for it."""

from pathlib import Path
from typing import Any

import pytest
from ray.tune.trainable import trainable

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.seal import TrialData
from hsiauto.search.storage import open_storage
from hsiauto.search.trainable import Setting, TrialWorker
from tests.search import fakes, real


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("family", ["svm", "cnn2d"])
def test_a_map_is_timed_once_the_model_is_whole(
    tmp_path: Path, small_split: TrialData, monkeypatch: pytest.MonkeyPatch, family: str, asked: bool
) -> None:
    config: FamilyConfig = real.small_space(small_split, (family,)).preset(family)
    setting = Setting(
        data=small_split,
        storage=open_storage(None, tmp_path),
        seed=0,
        max_epochs=2,
        device="cpu",
        n_devices=1,
        threads=1,
        save_always=False,
        times_inference=asked,
        parse=config_from,
    )
    job = {"trial_id": "t0001", "attempt": 1, "epochs_known": 0, "config": config.active()}

    class Worker(TrialWorker):
        def setup(self, config: dict[str, Any], _: Setting | None = None) -> None:
            super().setup(config, setting)

    monkeypatch.setattr(trainable, "DEFAULT_STORAGE_PATH", str(tmp_path))  # else Tune makes folders at home
    worker = Worker(job)
    told: list[dict[str, Any]] = [worker.step()]
    while told[-1].get("epoch") != 2:
        told.append(worker.step())
    worker.cleanup()
    paces = [message["pixels_per_second"] for message in told if message["message"] == "report"]
    assert paces[:-1] == [None] * (len(paces) - 1)
    assert (paces[-1] is not None and paces[-1] > 0) if asked else paces[-1] is None


def test_a_search_asks_where_a_cap_or_an_objective_needs_it() -> None:
    assert not fakes.study().times_inference
    assert not fakes.study(second_objective="parameters", max_macs=1).times_inference
    assert fakes.study(min_pixels_per_second=1).times_inference
    assert fakes.study(second_objective="pixels_per_second").times_inference

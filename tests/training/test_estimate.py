"""Estimates: what they count is the config's, what they extrapolate is said, and nothing trains a whole epoch."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.costs import macs, parameters, training_bytes
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models.batches.patches import PatchBatches
from hsiauto.split.seal import TrialData
from hsiauto.training import estimate as estimates
from hsiauto.training.estimate import estimate
from hsiauto.training.trainer import Trainer
from tests.small_scene import labels, small_data

CNN = Cnn2dConfig(components=4, width=8, depth=2, patch=5, batch_size=16)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data() -> TrialData:
    scene = small_data(200)
    val = np.setdiff1d(np.flatnonzero(scene.valid), scene.train_pixels)
    return replace(scene, val_pixels=val, val_labels=labels().ravel()[val])


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(estimates, "time", made)
    return made


def slow_steps(monkeypatch: pytest.MonkeyPatch, clock: Clock, seconds_per_pixel: float, warm_up: float = 0.0) -> None:
    """Each training step costs by its batch; the first of a trainer `warm_up` more."""
    real = Trainer.steps

    def steps(self: Trainer) -> Iterator[torch.Tensor]:
        for loss in real(self):
            clock.now += seconds_per_pixel * self.config.batch_size + (warm_up if self._step == 1 else 0.0)
            yield loss

    monkeypatch.setattr(Trainer, "steps", steps)


def test_an_estimate_holds_what_is_counted_before_training(data: TrialData) -> None:
    cost = estimate(CNN, data, max_epochs=7, limit_s=0.2)
    assert cost.parameters == parameters(CNN, 10, 3)
    assert cost.macs == macs(CNN, 10, 3)
    step = training_bytes(CNN, 10, 3)
    assert step is not None
    assert cost.memory_bytes == step + 29 * 17 * 4 * 4, "and the scene's four components"
    assert cost.epoch_seconds > 0
    assert cost.full_seconds == pytest.approx(7 * cost.epoch_seconds)


def test_an_epoch_is_its_steps_and_the_warm_up_is_not_counted(
    data: TrialData, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_steps(monkeypatch, clock, seconds_per_pixel=1e-3, warm_up=50.0)
    cost = estimate(CNN, data, max_epochs=1, limit_s=5.0)
    steps = math.ceil(200 / 16)
    assert cost.epoch_seconds == pytest.approx(16e-3 * steps)
    assert cost.basis == f"1 of {steps} steps", "the warm-up used the time up"


def test_a_slow_network_is_timed_with_small_batches_and_says_so(
    data: TrialData, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_steps(monkeypatch, clock, seconds_per_pixel=1.0)
    cost = estimate(CNN, data, max_epochs=1, limit_s=5.0)
    assert cost.epoch_seconds == pytest.approx(200)
    assert clock.now <= 2 * 8, "two steps of eight pixels"
    assert "batches of 8 instead of 16" in cost.basis


def test_a_slow_validation_is_scaled_and_says_so(
    data: TrialData, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PatchBatches.logits

    def logits(self: PatchBatches, module: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        clock.now += 1.0 * len(pixels)
        return real(self, module, pixels)

    monkeypatch.setattr(PatchBatches, "logits", logits)
    cost = estimate(CNN, data, max_epochs=1)
    assert cost.epoch_seconds == pytest.approx(len(data.val_pixels))
    assert f"validation on 16 of {len(data.val_pixels)} pixels" in cost.basis


def test_what_does_not_fit_is_not_started(data: TrialData, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        available = 1000

    monkeypatch.setattr(estimates.psutil, "virtual_memory", Full)
    monkeypatch.setattr(estimates, "Trainer", None)
    cost = estimate(CNN, data, max_epochs=3)
    assert math.isnan(cost.full_seconds)
    assert "more memory than is free" in cost.basis
    assert cost.memory_bytes > 1000


def test_a_step_of_tiles_holds_no_more_than_a_training_does(data: TrialData, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of 4,096 pixels wants all of the 4 x 3 tiles; a step takes two of them."""
    monkeypatch.setattr(estimates, "TRAINING_PIXELS", 2 * 8 * 8)
    monkeypatch.setattr("hsiauto.models.batches.tiles.TRAINING_PIXELS", 2 * 8 * 8)
    config = MambaHsiConfig(components=4, tile=8, width=4, blocks=1, state=2, batch_size=4096)
    step = training_bytes(config, 10, 3, 2)
    assert step is not None
    assert estimate(config, data, max_epochs=1, limit_s=0.2).memory_bytes == step + 29 * 17 * 4 * 4


@pytest.mark.parametrize("config", [SvmConfig(), ForestConfig(n_trees=5, features="multiscale", components=4)])
def test_a_short_classical_fit_is_measured_whole(data: TrialData, config: Any) -> None:
    cost = estimate(config, data, max_epochs=60)
    assert cost.basis == "the whole fit"
    assert cost.epoch_seconds == cost.full_seconds > 0
    assert (cost.parameters, cost.macs) == (None, None)
    assert cost.memory_bytes >= len(data.train_pixels) * 10 * 4


def test_a_long_classical_fit_is_extrapolated_by_its_own_growth(
    data: TrialData, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quadratic here: measured on 20 and 80 of 200 pixels."""
    real, seen = estimates.fit_classical, []

    def fit(config: Any, some: TrialData, seed: int, n_jobs: int) -> Any:
        seen.append(len(some.train_pixels))
        assert set(some.train_labels) == {0, 1, 2}
        clock.now += 1e-3 * len(some.train_pixels) ** 2
        return real(config, some, seed, n_jobs)

    monkeypatch.setattr(estimates, "fit_classical", fit)
    monkeypatch.setattr(estimates, "_FEW_ROWS", 20)
    cost = estimate(SvmConfig(features="multiscale", components=4), data, max_epochs=60, limit_s=10.0)
    assert seen == [20, 80]
    assert cost.full_seconds == pytest.approx(1e-3 * 200**2)
    assert cost.basis == "a fit on 80 of 200 pixels, seconds ~ pixels ^ 2.0"

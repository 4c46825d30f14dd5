"""Two families that train in no time: their learning curves are known, so what a search did can be checked."""

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import BaseTrial

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.scene.source import SceneSource
from hsiauto.search.engine import Engine, Training
from hsiauto.search.journal import Journal
from hsiauto.search.screen import Cost
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Report


class _Curve(FamilyConfig):
    kind = "torch"
    input = "pixel"
    source = "tests"
    presets = {"paper": {}}  # noqa: RUF012

    x: float = hyperparameter(0.5, "the score at full fidelity", source="tests", ge=0, le=1)
    mode: Literal["train", "raise", "nan", "slow", "die", "die-once", "hang"] = hyperparameter(
        "train", "what happens", source="tests"
    )


class Quick(_Curve):
    family: Literal["quick"] = "quick"


class Late(_Curve):
    family: Literal["late"] = "late"


FAMILIES: dict[str, type[_Curve]] = {"quick": Quick, "late": Late}


def parse(config: dict[str, Any]) -> FamilyConfig:
    return FAMILIES[config["family"]](**config)


class FakeSpace:
    """x in [0, 1]; and `modes` for both families, "train" alone by default."""

    def __init__(
        self,
        families: tuple[str, ...] = ("quick", "late"),
        modes: tuple[str, ...] = ("train",),
        x_step: float | None = None,
    ) -> None:
        self.families, self._modes, self._step = families, modes, x_step

    def suggest(self, trial: BaseTrial, family: str) -> FamilyConfig:
        mode = trial.suggest_categorical(f"{family}.mode", self._modes)
        return parse({"family": family, "x": trial.suggest_float(f"{family}.x", 0, 1, step=self._step), "mode": mode})

    def presets(self, family: str) -> tuple[FamilyConfig, ...]:
        return tuple(parse({"family": family, "x": x, "mode": self._modes[0]}) for x in (0.5, 0.25))

    def params(self, config: FamilyConfig) -> dict[str, Any]:
        return {f"{config.family}.{name}": getattr(config, name) for name in ("mode", "x")}

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        return {
            f"{config.family}.mode": CategoricalDistribution(self._modes),
            f"{config.family}.x": FloatDistribution(0, 1, step=self._step),
        }


def score(config: _Curve, epoch: int, max_epochs: int) -> float:
    """`quick` has its final score at once, `late` only near the end: joint rungs would stop all of `late`."""
    share = 1.0 if config.family == "quick" else (epoch / max_epochs) ** 3
    return config.x * share


class FakeTrial:
    """`Trial` without training. Its checkpoint holds the epoch."""

    epoch_seconds = 0.0
    note = ""

    def __init__(
        self,
        config: _Curve,
        data: TrialData,
        *,
        seed: int,
        max_epochs: int,
        folder: Path | None = None,
        device: torch.device | str = "cpu",
        n_threads: int | None = None,
    ) -> None:
        self.config, self.max_epochs, self.epoch = config, max_epochs, 0
        self._path = None if folder is None else folder / "checkpoint.pt"
        self._first = folder is not None and folder.name == "attempt-1"
        if self._path is not None and self._path.exists():
            self.epoch = int(self._path.read_text())

    @property
    def done(self) -> bool:
        return self.epoch >= self.max_epochs

    def step(self) -> Report:
        assert not self.done
        mode, self.epoch = self.config.mode, self.epoch + 1
        if mode == "raise":
            raise ValueError("a first line\nno such layer")
        if mode == "die":
            os._exit(1)
        if mode == "die-once" and self._first and self.epoch == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "hang":
            time.sleep(3600)
        time.sleep(0.3 if mode == "slow" else self.epoch_seconds)
        kappa = math.nan if mode == "nan" else score(self.config, self.epoch, self.max_epochs)
        return report(self.epoch, kappa, fit_seconds=0.01 * self.epoch)

    def save(self) -> None:
        assert self._path is not None
        self._path.write_text(str(self.epoch))


class ModellessTrial(FakeTrial):
    """For jobs that neither predict nor save."""

    def fitted(self) -> None: ...


class ProcessTrial(ModellessTrial):
    """Tells its process's id as its peak memory."""

    def step(self) -> Report:
        return replace(super().step(), peak_memory_bytes=os.getpid())


class UnhurriedTrial(FakeTrial):
    """Slow enough to be killed at work."""

    epoch_seconds = 0.05


def report(epoch: int, kappa: float, fit_seconds: float = 0.0) -> Report:
    return Report(epoch, 1.0 - kappa, 1.0, kappa, kappa, kappa, fit_seconds, 1)


def tiny_data() -> TrialData:
    rng = np.random.default_rng(0)
    pixels = np.arange(16, dtype=np.int64)
    labels = pixels % 2
    return TrialData(
        cube=rng.normal(size=(8, 8, 5)).astype(np.float32),
        valid=np.ones((8, 8), bool),
        n_classes=2,
        train_pixels=pixels,
        train_labels=labels,
        val_pixels=pixels + 32,
        val_labels=labels,
    )


def run_config(**changes: Any) -> RunConfig:
    fields: dict[str, Any] = {"budget": 12, "max_epochs": 9, "grace_epochs": 1, "concurrency": 1, "cpus_per_trial": 1}
    fields |= {"sampler": "tpe"} | changes  # `auto` takes its time
    return RunConfig(scene=SceneSource(dataset="demo"), **fields)


def cost(config: FamilyConfig) -> Cost:
    return Cost(parameters=10, macs=1 if config.family == "quick" else 2)


def cost_of_long_training(config: FamilyConfig) -> Cost:
    """For which `auto` asks a Gaussian process."""
    return replace(cost(config), epoch_macs=10**10)


def engine(journal: Journal, config: RunConfig, space: FakeSpace | None = None, **options: Any) -> Engine:
    return Engine(journal, config, space or FakeSpace(), options.pop("cost", cost), parse, **options)


def train(
    engine: Engine, training: Training, max_epochs: int, curve: Callable[[_Curve, int, int], float] = score
) -> None:
    """Play a worker: report epoch by epoch until told to stop."""
    engine.start(training.trial_id, training.attempt, "node", "cpu", 1)
    for epoch in range(training.epochs_known + 1, max_epochs + 1):
        assert isinstance(training.config, _Curve)
        kappa = curve(training.config, epoch, max_epochs)
        if engine.report(training.trial_id, training.attempt, report(epoch, kappa)) != "continue":
            return


def run(engine: Engine, max_epochs: int, limit: int | None = None) -> None:
    """All trials, or the next `limit`, one after another."""
    done = 0
    while (limit is None or done < limit) and (training := engine.next()) is not None:
        train(engine, training, max_epochs)
        done += 1

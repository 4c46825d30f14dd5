"""Trials that train nothing: what a search does around them can be timed, killed and counted.

Four families with three hyperparameters each. A score is a function of the config and the epoch, so a run can be
checked against another one.
"""

import time
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
from hsiauto.search.screen import Cost
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import CHECKPOINT, Report


class _Trivial(FamilyConfig):
    kind = "torch"
    input = "pixel"
    source = "benchmarks"
    presets = {"paper": {}}  # noqa: RUF012

    height: float = hyperparameter(0.5, "the score at full fidelity", source="benchmarks", ge=0, le=1)
    slope: float = hyperparameter(0.5, "how early it gets there", source="benchmarks", ge=0, le=1)
    sign: Literal["plus", "minus"] = hyperparameter("plus", "a choice", source="benchmarks")


class First(_Trivial):
    family: Literal["first"] = "first"


class Second(_Trivial):
    family: Literal["second"] = "second"


class Third(_Trivial):
    family: Literal["third"] = "third"


class Fourth(_Trivial):
    family: Literal["fourth"] = "fourth"


FAMILIES: dict[str, type[_Trivial]] = {"first": First, "second": Second, "third": Third, "fourth": Fourth}
_WORTH = {"first": 0.7, "second": 0.8, "third": 0.9, "fourth": 1.0}


def parse(config: dict[str, Any]) -> _Trivial:
    return FAMILIES[config["family"]](**config)


class TrivialSpace:
    """Three hyperparameters a family."""

    families = tuple(FAMILIES)

    def suggest(self, trial: BaseTrial, family: str) -> FamilyConfig:
        return parse(
            {
                "family": family,
                "height": trial.suggest_float(f"{family}.height", 0, 1),
                "slope": trial.suggest_float(f"{family}.slope", 0, 1),
                "sign": trial.suggest_categorical(f"{family}.sign", ("plus", "minus")),
            }
        )

    def presets(self, family: str) -> tuple[FamilyConfig, ...]:
        return (parse({"family": family}),)

    def params(self, config: FamilyConfig) -> dict[str, Any]:
        return {f"{config.family}.{name}": getattr(config, name) for name in ("height", "slope", "sign")}

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        return {
            f"{config.family}.height": FloatDistribution(0, 1),
            f"{config.family}.slope": FloatDistribution(0, 1),
            f"{config.family}.sign": CategoricalDistribution(("plus", "minus")),
        }


def cost(config: FamilyConfig) -> Cost:
    return Cost(parameters=1, macs=1)


def report(config: _Trivial, epoch: int, max_epochs: int) -> Report:
    """Of one epoch."""
    reached = (epoch / max_epochs) ** (0.1 + config.slope)
    score = _WORTH[config.family] * config.height * reached * (1.0 if config.sign == "plus" else 0.9)
    return Report(epoch, 1 - score, 1 - score, score, score, score, 0.001 * epoch, 1)


class SlowTrial:
    """`hsiauto.training.trial.Trial` that sleeps. Its checkpoint holds the epoch."""

    epoch_seconds = 0.15
    note = ""

    def __init__(
        self,
        config: _Trivial,
        data: TrialData,
        *,
        seed: int,
        max_epochs: int,
        folder: Path | None = None,
        device: torch.device | str = "cpu",
        n_threads: int | None = None,
    ) -> None:
        assert folder is not None
        self.config, self.max_epochs, self._path = config, max_epochs, folder / CHECKPOINT
        self.epoch = int(self._path.read_text()) if self._path.exists() else 0

    @property
    def done(self) -> bool:
        return self.epoch >= self.max_epochs

    def step(self) -> Report:
        time.sleep(self.epoch_seconds)
        self.epoch += 1
        return report(self.config, self.epoch, self.max_epochs)

    def save(self) -> None:
        new = self._path.with_suffix(".new")  # a kill leaves the old one whole; no sync, which would be timed
        new.write_text(str(self.epoch))
        new.replace(self._path)


def data() -> TrialData:
    pixels = np.arange(16, dtype=np.int64)
    labels = pixels % 2
    return TrialData(
        cube=np.zeros((8, 8, 3), np.float32),
        valid=np.ones((8, 8), bool),
        n_classes=2,
        train_pixels=pixels,
        train_labels=labels,
        val_pixels=pixels + 32,
        val_labels=labels,
    )


def run_config(**changes: Any) -> RunConfig:
    fields = {"max_epochs": 9, "grace_epochs": 1, "concurrency": 2, "cpus_per_trial": 1} | changes
    return RunConfig(scene=SceneSource(dataset="demo"), **fields)

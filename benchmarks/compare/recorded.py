"""Recorded learning curves as a problem: what trained once is replayed in virtual time.

A method draws the hyperparameters of a family as it would from a space: numbers between the least and the largest
recorded value, choices among the recorded ones, one only if it is active. The draw snaps to the nearest recorded config
that has not been begun: Gower's distance, |a - b| / range of a number (of its logarithm if it is drawn so), 0 or 1 for
a choice, 1 if it is active in one of the two alone. Methods are told what they drew, with the name of what was run.

A table is not the space. It holds some tens of configs a family, so the best of them is soon found by chance; a sampler
learns from what it drew, not from what ran; a family whose configs have all begun gives the nearest again;
what cost too much to record is missing; and each curve is of one training seed, so that runs differ by the method's
seed alone. Seconds are the recorded CPU seconds, an epoch's the mean of its config's.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.trial import BaseTrial

from benchmarks.compare.problem import Config
from benchmarks.curves.table import Row, read
from hsiauto.families import FAMILIES

RECORDED = "recorded"
"""Key of a config: the name of what was run."""
LOG_FROM = 20.0
"""A number whose largest value is so many times its least is drawn by its logarithm."""


@dataclass(frozen=True)
class Curve:
    """What a method may learn of one config, epoch by epoch."""

    config: Config
    """`family`, the active hyperparameters, and under `recorded` its name in the table."""
    preset: bool
    scores: Mapping[int, float]
    """By epoch; a classical family has its last one alone."""
    seconds: float
    """Of one report after the other."""


@dataclass(frozen=True)
class Hyperparameter:
    """The values of a hyperparameter that were recorded: numbers span a range, all else is a choice."""

    values: tuple[Any, ...]

    @property
    def number(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    @property
    def log(self) -> bool:
        return self.number and min(self.values) > 0 and max(self.values) >= LOG_FROM * min(self.values)

    def ask(self, trial: BaseTrial, name: str) -> Any:
        if len(self.values) == 1:
            return self.values[0]
        if not self.number:
            return trial.suggest_categorical(name, self.values)
        low, high = min(self.values), max(self.values)
        if all(isinstance(value, int) for value in self.values):
            return trial.suggest_int(name, low, high, log=self.log)
        return trial.suggest_float(name, low, high, log=self.log)

    def distance(self, a: Any, b: Any) -> float:
        """From 0 to 1; None = it is inactive."""
        if a == b:
            return 0.0
        if a is None or b is None or not self.number:
            return 1.0
        place = math.log if self.log else float
        return abs(place(a) - place(b)) / (place(max(self.values)) - place(min(self.values)))


@dataclass(frozen=True)
class Recorded:
    """The completed configs of a table. `for_method` is what a method gets: the same, without test scores."""

    curves: Mapping[str, Curve]
    """By name."""
    max_epochs: int
    finals: Mapping[str, float] | None
    """Test scores of the refits, by name; None for a method."""
    begun: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, path: Path, objective: str = "kappa") -> "Recorded":
        """Raises UserError where `path` is no table of curves."""
        rows, settings = read(path)
        return cls.of(rows, settings["max_epochs"], objective)

    @classmethod
    def of(cls, rows: Sequence[Row], max_epochs: int, objective: str = "kappa") -> "Recorded":
        """What was refused or diverged is left out."""
        configs: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row["state"] == "completed":
                configs[row["name"]].append(row)
        curves, finals = dict[str, Curve](), dict[str, float]()
        for name, own in configs.items():
            config: Config = {**json.loads(own[0]["config"]), RECORDED: name}
            scores = {row["epoch"]: row[f"val_{objective}"] for row in own}
            seconds = sum(row["cpu_seconds"] for row in own) / len(own)
            curves[name] = Curve(config, not name.rpartition("/")[2].isdigit(), scores, seconds)
            finals[name] = own[0][f"test_{objective}"]
        return cls(curves, max_epochs, finals)

    def for_method(self, *, presets: bool = True) -> "Recorded":
        """This problem without test scores; without `presets` they are configs like others. What begins is shared."""
        known = self.curves
        if not presets:
            known = {name: replace(curve, preset=False) for name, curve in known.items()}
        return Recorded(known, self.max_epochs, None, self.begun)

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(curve.config["family"]) for curve in self.curves.values()))

    @property
    def best_family(self) -> str:
        return str(max((curve.config for curve in self.curves.values()), key=self.final)["family"])

    def suggest(self, trial: BaseTrial, family: str) -> Config:
        asked, values = self._hyperparameters[family], {"family": family}
        for name, one in asked.items():
            if FAMILIES[family].is_active(name, values):
                values[name] = one.ask(trial, f"{family}/{name}")
        own = {name: curve.config for name, curve in self.curves.items() if curve.config["family"] == family}
        left = [name for name in own if name not in self.begun] or own
        apart = {name: sum(a.distance(values.get(n), own[name].get(n)) for n, a in asked.items()) for name in left}
        return {**values, RECORDED: min(apart, key=apart.__getitem__)}

    def presets(self, family: str) -> tuple[Config, ...]:
        """`paper` first, as in a search."""
        own = [curve.config for curve in self.curves.values() if curve.preset and curve.config["family"] == family]
        return tuple(sorted(own, key=lambda config: config[RECORDED] != f"{family}/paper"))

    def begin(self, config: Config) -> None:
        self.begun.add(config[RECORDED])

    def first_epoch(self, config: Config) -> int:
        return min(self.curves[config[RECORDED]].scores)

    def score(self, config: Config, epoch: int, seed: int) -> float:
        """The same for every seed: a config was trained once."""
        return self.curves[config[RECORDED]].scores[epoch]

    def seconds(self, config: Config) -> float:
        return self.curves[config[RECORDED]].seconds

    def whole_seconds(self, config: Config) -> float:
        """Of the whole training."""
        return self.seconds(config) * len(self.curves[config[RECORDED]].scores)

    def last(self, config: Config) -> float:
        """The validation score at full fidelity."""
        return self.curves[config[RECORDED]].scores[self.max_epochs]

    def final(self, config: Config) -> float:
        """Raises RuntimeError where a method asks."""
        if self.finals is None:
            raise RuntimeError("test scores are for the judge alone")
        return self.finals[config[RECORDED]]

    @cached_property
    def _hyperparameters(self) -> dict[str, dict[str, Hyperparameter]]:
        """By family, in the order of declaration: parents before children."""
        found: dict[str, dict[str, Hyperparameter]] = {family: {} for family in self.families}
        for family, own in found.items():
            recorded = [curve.config for curve in self.curves.values() if curve.config["family"] == family]
            for name in FAMILIES[family].model_fields:
                values = dict.fromkeys(config[name] for config in recorded if name in config)
                if name != "family" and values:
                    own[name] = Hyperparameter(tuple(values))
        return found

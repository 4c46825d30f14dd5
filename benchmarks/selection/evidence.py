"""What was collected of one scene and split, as scores: validation fold by fold, and the test that no rule may read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.selection import scenes
from benchmarks.selection.walker import walk
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.metrics import log_loss, scores
from hsiauto.models.smoothing import guide_for, smooth
from hsiauto.scene.model import Scene

Floats = npt.NDArray[np.float64]
Filtered = dict[int, str]
"""Configs, each with its filter."""
Models = Filtered | tuple[int, ...]
"""The same, or unfiltered ones, of which one may stand twice."""
Kind = Literal["none", "majority", "guided"]
FILTERS: dict[str, tuple[Kind, int]] = {
    "none": ("none", 1),
    "majority 2": ("majority", 2),
    "guided 2": ("guided", 2),
    "guided 4": ("guided", 4),
}


@dataclass(frozen=True)
class Evidence:
    """Probabilities of every config on each part: the folds, then the test."""

    scene: Scene
    name: str
    seed: int
    arrays: dict[str, npt.NDArray[Any]]
    _cached: dict[tuple[int, int, str], npt.NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, scene: Scene) -> "Evidence":
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        name, _, seed = path.stem.rpartition("-")
        return cls(scene, name, int(seed), arrays)

    @cached_property
    def families(self) -> tuple[str, ...]:
        return tuple(str(one).rpartition("-")[0] for one in self.arrays["names"])

    @cached_property
    def presets(self) -> tuple[bool, ...]:
        """Presets stand before a family's draws."""
        places = [self.families[:i].count(family) for i, family in enumerate(self.families)]
        last = {family: self.families.count(family) - n for family, n in scenes.DRAWS.items()}
        return tuple(place < last[family] for place, family in zip(places, self.families, strict=True))

    @property
    def n_folds(self) -> int:
        return int(self.arrays["n_folds"])

    @property
    def buffer(self) -> int:
        return int(self.arrays["buffer"])

    @cached_property
    def classes(self) -> npt.NDArray[np.int64]:
        """Labels of the scored classes: those of the test, which the pool holds too."""
        return np.unique(self.scene.labels.ravel()[self.arrays[f"scored_{self.n_folds}"]])

    def truth(self, part: int) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.classes, self.scene.labels.ravel()[self.arrays[f"scored_{part}"]])

    def allowed(self, i: int) -> list[str]:
        """The filters whose reach, beyond the window of config `i`, the buffer holds."""
        reach = {"none": 0, "majority 2": 2, "guided 2": 4, "guided 4": 8}
        support = int(self.arrays["supports"][i])
        return [name for name in FILTERS if reach[name] == 0 or support + reach[name] <= self.buffer]

    def p(self, models: Models, part: int) -> npt.NDArray[np.float32]:
        """Mean probabilities of `models` at the scored pixels of `part`."""
        pairs = models.items() if isinstance(models, dict) else [(i, "none") for i in models]
        return np.mean([self._one(i, part, name) for i, name in pairs], axis=0)

    def measure(self, models: Models, part: int) -> dict[str, float]:
        return self._measured(self.p(models, part), part)

    def on_folds(self, models: Models) -> Floats:
        """kappa on folds 2 to k."""
        return np.array([self.measure(models, part)["kappa"] for part in range(1, self.n_folds)])

    @cached_property
    def single(self) -> dict[str, Floats]:
        """metric -> (configs, folds + 1); the last column is the test. Larger is better in each."""
        parts = range(self.n_folds + 1)
        table = [[self.measure({i: "none"}, part) for part in parts] for i in range(len(self.families))]
        return {m: np.array([[cell[m] for cell in row] for row in table]) for m in ("kappa", "oa", "aa", "loss")}

    def pooled(self, i: int, folds: Sequence[int]) -> float:
        """kappa of one confusion matrix over several folds."""
        said = np.concatenate([self.p({i: "none"}, part).argmax(axis=1) for part in folds])
        return scores(np.concatenate([self.truth(part) for part in folds]), said, len(self.classes)).kappa

    def mean_score(self, folds: Sequence[int], metric: str) -> Callable[[Sequence[int]], float]:
        """Unsmoothed members -> mean over folds."""
        return lambda members: float(np.mean([self.measure(tuple(members), part)[metric] for part in folds]))

    def _one(self, i: int, part: int, name: str) -> npt.NDArray[np.float32]:
        key = (i, part, name)
        if key not in self._cached:
            self._cached[key] = self._filtered(i, part, name)
        return self._cached[key]

    def _filtered(self, i: int, part: int, name: str) -> npt.NDArray[np.float32]:
        told: npt.NDArray[np.float32] = self.arrays[f"p_{part}"][i].astype(np.float32)
        asked, scored = self.arrays[f"pixels_{part}"], self.arrays[f"scored_{part}"]
        if name == "none":
            return told[np.searchsorted(asked, scored)]
        train = self.arrays[f"train_{part}"]
        if name == "walker":
            return walk(self.scene.cube, train, asked, told)[np.searchsorted(asked, scored)]
        kind, radius = FILTERS[name]
        config = Cnn1dConfig(smoothing=kind, smoothing_radius=radius)
        guide = guide_for(config, self.scene.cube, train)

        def model(pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            return told[np.searchsorted(asked, pixels)]

        return smooth(config, guide, model, self.scene.cube, self.scene.valid, scored)

    def _measured(self, p: npt.NDArray[np.float32], part: int) -> dict[str, float]:
        truth = self.truth(part)
        s = scores(truth, p.argmax(axis=1), p.shape[1])
        return {"kappa": s.kappa, "oa": s.oa, "aa": s.aa, "loss": -log_loss(truth, p)}

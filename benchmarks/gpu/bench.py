"""What every section is given: a simulated scene, the device, how long to time."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hsiauto.families import FAMILIES
from hsiauto.families.base import TorchConfig
from hsiauto.scene.simulator import fields
from hsiauto.scene.simulator.simulate import simulate
from hsiauto.split.make import make_split
from hsiauto.split.model import SplitSpec
from hsiauto.split.seal import TrialData, seal
from hsiauto.training.trainer import ENDLESS, Trainer

PIXELS = (46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93)
"""Labelled pixels of each class of Indian Pines."""
TRIAL_FAMILY, TRIAL_PRESET = "cnn2d", "paper"
QUICK = {"components": 8, "patch": 7, "width": 8}
"""Makes it cheap."""
PRELOADED = ["benchmarks.gpu.plan"]
"""What the processes of this benchmark are forked with: imported once, and no GPU touched."""

Batch = tuple[torch.Tensor, torch.Tensor]
Figures = dict[str, Any]
"""Name -> number, string, Missing, or figures."""


@dataclass(frozen=True)
class Missing:
    """In the place of a figure."""

    why: str


NO_CUDA = Missing("no CUDA")


@dataclass(frozen=True)
class Bench:
    """Plain data: every section's process has its own."""

    data: TrialData
    device: str
    quick: bool

    @property
    def on_cuda(self) -> bool:
        return self.device == "cuda"

    @property
    def loop_s(self) -> float:
        """Seconds of a timed loop."""
        return 0.02 if self.quick else 0.7

    def configs(self) -> Mapping[str, TorchConfig]:
        """family/preset -> config, as a search on this scene begins with it."""
        if self.quick:
            return {f"{TRIAL_FAMILY}/{TRIAL_PRESET}": self.trial_config()}
        found = {}
        for name, family in FAMILIES.items():
            if issubclass(family, TorchConfig):
                presets = [preset for preset in ("paper", "small") if preset in family.presets]
                for preset in presets if self.on_cuda else presets[-1:]:
                    found[f"{name}/{preset}"] = family.preset(preset).bounded(*self._size)
        return found

    def trial_config(self) -> TorchConfig:
        """What the trials of section `trials` train."""
        config = FAMILIES[TRIAL_FAMILY].preset(TRIAL_PRESET).bounded(*self._size)
        assert isinstance(config, TorchConfig)
        return config.model_copy(update=QUICK) if self.quick else config

    def trainer(
        self, config: TorchConfig, *, seed: int = 0, epochs: int = ENDLESS, device: str | None = None
    ) -> Trainer:
        return Trainer(config, self.data, seed=seed, max_epochs=epochs, device=device or self.device)

    @property
    def _size(self) -> tuple[int, int]:
        return self.data.cube.shape[2], len(self.data.train_pixels)


def endless(trainer: Trainer) -> Iterator[Batch]:
    """The batches of one epoch after the other."""
    return itertools.chain.from_iterable(trainer.batches() for _ in itertools.count())


def simulated(quick: bool) -> TrialData:
    side, n_bands, pixels = (48, 32, PIXELS[1:5]) if quick else (145, 200, PIXELS)
    shares = tuple(n / sum(PIXELS) / 2 for n in pixels)  # about half of that scene is labelled
    labels = fields.farmland(side, side, shares, np.random.default_rng(0))
    scene = simulate(labels, name="simulated", n_bands=n_bands)
    return seal(scene, make_split(scene.labels, SplitSpec(protocol="random", train_fraction=0.1)))[0]

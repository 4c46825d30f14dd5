"""The input of a module: spectra, patches and tiles, gathered on the device from one cached, preprocessed cube.

Batches come from index arithmetic: no copy of the scene per pixel, no Python per pixel, no transfer per step.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import nn

from hsiauto.families.base import PatchConfig, PixelConfig, TileConfig, TorchConfig
from hsiauto.models.batches.cached_scene import CachedScene, cached_scene
from hsiauto.models.batches.labelled import IGNORE, Labelled
from hsiauto.models.batches.patches import PatchBatches
from hsiauto.models.batches.spectra import SpectrumBatches
from hsiauto.models.batches.tiles import TileBatches

__all__ = ["IGNORE", "Batches", "CachedScene", "Labelled", "batches_for", "cached_scene"]


class Batches(Protocol):
    """The way of one scene's pixels to a module."""

    def steps(self, labelled: Labelled, batch_size: int) -> int:
        """Steps of an epoch."""
        ...

    def epoch(
        self, labelled: Labelled, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One pass over `labelled` in random order, augmented: (x, y) of `steps` batches."""
        ...

    def sample(self, labelled: Labelled, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """(x, y) for a warm start: at most 64 MB and 4,096 samples of `labelled`, every class first, not augmented."""
        ...

    def logits(self, module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """(N, n_classes) float32 at flat indices `pixels` (N,). `module` must be in evaluation mode."""
        ...


def batches_for(config: TorchConfig, cube_HWC: torch.Tensor, shown_HW: torch.Tensor | None = None) -> Batches:
    """The batches that `config` reads, from the preprocessed cube (H, W, C') on its device.

    shown_HW: bool, what the tiles of `logits` show, as `hsiauto.models.fitted.base.shown` says; None: everything.

    Raises UserError if the patch is larger than the scene.
    """
    if isinstance(config, PixelConfig):
        return SpectrumBatches(cube_HWC, config.band_dropout)
    if isinstance(config, PatchConfig):
        return PatchBatches(
            cube_HWC, config.patch, config.augmentation, config.band_dropout, config.noise, config.border
        )
    assert isinstance(config, TileConfig), f"{type(config).__name__} reads neither pixels, patches nor tiles"
    return TileBatches(cube_HWC, config.tile, config.band_dropout, config.context, shown_HW)

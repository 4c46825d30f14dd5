"""Batches for patch families: (B, C', P, P), the labelled pixel at [P // 2, P // 2].

The padded cube is a table with one row of C' values a pixel. A patch is a set of offsets into it, a symmetry of the
square is another order of these offsets: so gathering and augmentation are one index_select, and the result is already
channels-last in memory.

| symbol | meaning |
|---|---|
| B, P, C' | samples, side of the patch, channels |
| r | P // 2, the radius of the padding |
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import nn

from hsiauto.errors import UserError
from hsiauto.families.base import Border
from hsiauto.models.batches.labelled import Labelled, batch_sizes, drop_bands, shuffled, warm_start_sample

Augmentation = Literal["none", "flip", "dihedral"]
SYMMETRIES: dict[str, int] = {"none": 1, "flip": 4, "dihedral": 8}
"""Number of the 8 symmetries that each augmentation draws from: flips come first, then the transposed ones."""

_INFERENCE_BYTES = {"cpu": 4 << 20, "cuda": 256 << 20}
"""Bytes of one batch's input: on a CPU a batch should stay near the caches."""


DENSE_FROM = 1 / 16
"""Share of the scene's pixels from which a module that can label all patches in one pass does so."""

NOISY = 1 / 2
"""Share of the samples that get noise."""


class PatchBatches:
    """Patches of one scene. A mirrored patch is the patch of the mirrored scene: for an even P, whose centre lies
    beside the middle, it is mirrored about the labelled pixel, which so stays at [P // 2, P // 2]."""

    def __init__(
        self,
        cube_HWC: torch.Tensor,
        patch: int,
        augmentation: Augmentation = "none",
        band_dropout: float = 0.0,
        noise: float = 0.0,
        border: Border = "reflect",
    ) -> None:
        self._height, self._width, self._channels = cube_HWC.shape
        if patch > min(self._height, self._width):
            raise UserError(
                f"a patch must fit into the scene of {self._height} x {self._width} pixels",
                f"patch {patch}",
                "Choose a smaller patch.",
            )
        self._patch, self._radius = patch, patch // 2
        self._padded_width = self._width + 2 * self._radius
        self._table = _padded(cube_HWC, self._radius, border).flatten(0, 1)
        self._offsets = _symmetric_offsets(patch, self._padded_width).to(cube_HWC.device)
        self._patch_bytes = patch**2 * self._channels * self._table.element_size()
        self._n_symmetries, self._band_dropout = SYMMETRIES[augmentation], band_dropout
        self._noise = noise

    def gather(self, pixels: torch.Tensor, symmetry: torch.Tensor | None = None) -> torch.Tensor:
        """Flat indices (B,) and, if wanted, symmetries 0 .. 7 (B,) -> (B, C', P, P), a channels-last view."""
        rows, columns = pixels // self._width, pixels % self._width
        centres = (rows + self._radius) * self._padded_width + columns + self._radius
        offsets = self._offsets[:1] if symmetry is None else self._offsets[symmetry]
        index = (centres[:, None] + offsets).flatten()
        x_BPPC = self._table.index_select(0, index).view(len(pixels), self._patch, self._patch, self._channels)
        return x_BPPC.permute(0, 3, 1, 2)

    def steps(self, labelled: Labelled, batch_size: int) -> int:
        return len(batch_sizes(len(labelled.pixels), batch_size))

    def epoch(
        self, labelled: Labelled, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for chosen in shuffled(len(labelled.pixels), batch_size, generator):
            symmetry = None
            if self._n_symmetries > 1:
                symmetry = torch.randint(
                    self._n_symmetries, (len(chosen),), generator=generator, device=generator.device
                )
            x_BCPP = add_noise(self.gather(labelled.pixels[chosen], symmetry), self._noise, generator)
            yield drop_bands(x_BCPP, self._band_dropout, generator), labelled.labels[chosen]

    def sample(self, labelled: Labelled, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = warm_start_sample(labelled.labels, self._patch_bytes, generator)
        return self.gather(labelled.pixels[chosen]), labelled.labels[chosen]

    def logits(self, module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        if hasattr(module, "dense") and len(pixels) >= DENSE_FROM * self._height * self._width:
            return self._dense(module)[pixels]
        parts = pixels.split(max(1, _INFERENCE_BYTES[self._table.device.type] // self._patch_bytes))
        return torch.cat([module(self.gather(part)).float() for part in parts])

    def _dense(self, module: nn.Module) -> torch.Tensor:
        """(H * W, n_classes): all patches in one pass over the padded scene."""
        padded_CHW = self._table.view(-1, self._padded_width, self._channels).permute(2, 0, 1)
        logits_KHW = module.dense(padded_CHW[None])[0, :, : self._height, : self._width]  # type: ignore[operator]
        return logits_KHW.float().flatten(1).T


def add_noise(x_BCPP: torch.Tensor, noise: float, generator: torch.Generator) -> torch.Tensor:
    """Gaussian noise on half of the samples, its deviation `noise` times that of the channel in the batch. Keeps the
    channels-last layout."""
    if noise == 0.0:
        return x_BCPP
    B, C, P, _ = x_BCPP.shape
    deviation_C = x_BCPP.std(dim=(0, 2, 3), correction=0)
    noisy_B = torch.rand(B, generator=generator, device=x_BCPP.device) < NOISY
    normal_BPPC = torch.randn(B, P, P, C, generator=generator, device=x_BCPP.device)
    scale_BPPC = noise * noisy_B.view(B, 1, 1, 1) * deviation_C
    return x_BCPP + (normal_BPPC * scale_BPPC).permute(0, 3, 1, 2)


def _padded(cube_HWC: torch.Tensor, radius: int, border: Border) -> torch.Tensor:
    """(H + 2r, W + 2r, C'), contiguous; the cube itself for r = 0."""
    if radius == 0:
        return cube_HWC.contiguous()
    if border == "zeros":
        return nn.functional.pad(cube_HWC, (0, 0, radius, radius, radius, radius))
    rows, columns = (_reflected_index(size, radius).to(cube_HWC.device) for size in cube_HWC.shape[:2])
    return cube_HWC.index_select(0, rows).index_select(1, columns)


def _reflected_index(size: int, radius: int) -> torch.Tensor:
    """-r .. size - 1 + r, folded back at 0 and size - 1; r < size."""
    outside = torch.arange(-radius, size + radius).abs()
    return torch.where(outside < size, outside, 2 * (size - 1) - outside)


def _symmetric_offsets(patch: int, row_stride: int) -> torch.Tensor:
    """(8, P * P): offsets of a patch's pixels from its labelled pixel. Bit 0 flips rows, 1 columns, 2 transposes."""
    steps = torch.arange(patch) - patch // 2
    symmetries = torch.arange(8)[:, None, None]
    down, right = steps.view(1, -1, 1), steps.view(1, 1, -1)
    transposed = (symmetries & 4) > 0
    rows, columns = torch.where(transposed, right, down), torch.where(transposed, down, right)
    rows = torch.where((symmetries & 1) > 0, -rows, rows)
    columns = torch.where((symmetries & 2) > 0, -columns, columns)
    return (rows * row_stride + columns).flatten(1)

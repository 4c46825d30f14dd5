"""Batches for pixel families: one spectrum a sample, (B, C')."""

from collections.abc import Iterator

import torch
from torch import nn

from hsiauto.models.batches.labelled import Labelled, batch_sizes, drop_bands, shuffled, warm_start_sample

_INFERENCE_BATCH = {"cpu": 512, "cuda": 4096}
"""Spectra at once: on a GPU few launches count, on a CPU its caches."""


class SpectrumBatches:
    def __init__(self, cube_HWC: torch.Tensor, band_dropout: float = 0.0) -> None:
        self._spectra = cube_HWC.flatten(0, 1)
        self._band_dropout = band_dropout

    def gather(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B,) -> (B, C')."""
        return self._spectra.index_select(0, pixels)

    def steps(self, labelled: Labelled, batch_size: int) -> int:
        return len(batch_sizes(len(labelled.pixels), batch_size))

    def epoch(
        self, labelled: Labelled, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for chosen in shuffled(len(labelled.pixels), batch_size, generator):
            x_BC = self.gather(labelled.pixels[chosen])
            yield drop_bands(x_BC, self._band_dropout, generator), labelled.labels[chosen]

    def sample(self, labelled: Labelled, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = warm_start_sample(labelled.labels, self._spectra[0].nbytes, generator)
        return self.gather(labelled.pixels[chosen]), labelled.labels[chosen]

    def logits(self, module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        parts = pixels.split(_INFERENCE_BATCH[self._spectra.device.type])
        return torch.cat([module(self.gather(part)).float() for part in parts])

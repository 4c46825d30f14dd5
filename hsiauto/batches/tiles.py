"""Batches for tile families: (B, C', T, T) with label maps (B, T, T), IGNORE wherever no training label is.

Tiles cover the scene without gaps; the last of a row or column is moved inwards to end with the scene, and a pixel
that lies in two tiles belongs to the first. In training, all pixels but the training ones are 0 (their mean), unless
the study is transductive. In evaluation a tile is fed whole.

| symbol | meaning |
|---|---|
| B, C' | tiles a batch, channels |
| T | side of a tile; in each direction no longer than the scene |
"""

from collections.abc import Iterator

import torch
from torch import nn

from hsiauto.batches.labelled import IGNORE, SAMPLE_BYTES, Labelled, drop_bands

_INFERENCE_PIXELS = {"cpu": 1 << 14, "cuda": 1 << 20}


class TileBatches:
    def __init__(
        self, cube_HWC: torch.Tensor, tile: int, band_dropout: float = 0.0, transductive: bool = False
    ) -> None:
        self._cube, self._band_dropout, self._transductive = cube_HWC, band_dropout, transductive
        self._height, self._width, self._channels = cube_HWC.shape
        self._tile_height, self._tile_width = min(tile, self._height), min(tile, self._width)
        device = cube_HWC.device
        tops, lefts = _starts(self._height, self._tile_height), _starts(self._width, self._tile_width)
        self._n_across = len(lefts)
        self._corners = (tops[:, None] * self._width + lefts).flatten().to(device)
        down, right = torch.arange(self._tile_height), torch.arange(self._tile_width)
        self._offsets = (down[:, None] * self._width + right).flatten().to(device)

    def steps(self, labelled: Labelled, batch_size: int) -> int:
        return len(list(self._split(self._owners(labelled.pixels).unique(), labelled, batch_size)))

    def epoch(
        self, labelled: Labelled, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Tiles are drawn, as many a step as hold `batch_size` labelled pixels on average; band dropout is per tile."""
        tiles = self._owners(labelled.pixels).unique()
        tiles = tiles[torch.randperm(len(tiles), generator=generator, device=generator.device)]
        cube, maps = self._seen(labelled), self._label_maps(labelled)
        for chosen in self._split(tiles, labelled, batch_size):
            yield drop_bands(self._gather(cube, chosen), self._band_dropout, generator), maps[chosen]

    def sample(self, labelled: Labelled, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Tiles until 64 MB; those with the rarest classes first, so that every class is in it if it can be."""
        maps, owners = self._label_maps(labelled), self._owners(labelled.pixels)
        rarity = labelled.labels.bincount()[labelled.labels]
        rarest = torch.full((len(self._corners),), len(owners) + 1, device=owners.device)
        rarest = rarest.scatter_reduce(0, owners, rarity, "amin")
        most = max(1, SAMPLE_BYTES // (len(self._offsets) * self._channels * self._cube.element_size()))
        chosen = rarest.argsort(stable=True)[: min(most, len(owners.unique()))]
        return self._gather(self._seen(labelled), chosen), maps[chosen]

    def logits(self, module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        owners = self._owners(pixels)
        order = owners.argsort(stable=True)
        tiles, counts = owners.unique(return_counts=True)
        per_batch = max(1, _INFERENCE_PIXELS[self._cube.device.type] // len(self._offsets))
        parts = []
        for chosen, members in zip(
            tiles.split(per_batch), order.split([int(c.sum()) for c in counts.split(per_batch)]), strict=True
        ):
            logits_BKT = module(self._gather(self._cube, chosen)).float().flatten(2)
            place = torch.searchsorted(chosen, owners[members])
            parts.append(logits_BKT[place, :, self._within(pixels[members], owners[members])])
        return torch.cat(parts)[order.argsort()]

    def _gather(self, cube_HWC: torch.Tensor, tiles: torch.Tensor) -> torch.Tensor:
        index = (self._corners[tiles][:, None] + self._offsets).flatten()
        x_BTTC = cube_HWC.flatten(0, 1).index_select(0, index)
        return x_BTTC.view(len(tiles), self._tile_height, self._tile_width, self._channels).permute(0, 3, 1, 2)

    def _owners(self, pixels: torch.Tensor) -> torch.Tensor:
        """The tile of each pixel."""
        return (pixels // self._width) // self._tile_height * self._n_across + (
            pixels % self._width
        ) // self._tile_width

    def _within(self, pixels: torch.Tensor, tiles: torch.Tensor) -> torch.Tensor:
        """The place of each pixel in its flattened tile."""
        corners = self._corners[tiles]
        down = pixels // self._width - corners // self._width
        return down * self._tile_width + pixels % self._width - corners % self._width

    def _label_maps(self, labelled: Labelled) -> torch.Tensor:
        maps = torch.full((len(self._corners), len(self._offsets)), IGNORE, device=labelled.labels.device)
        owners = self._owners(labelled.pixels)
        maps[owners, self._within(labelled.pixels, owners)] = labelled.labels
        return maps.view(-1, self._tile_height, self._tile_width)

    def _seen(self, labelled: Labelled) -> torch.Tensor:
        """The cube as training may see it."""
        if self._transductive:
            return self._cube
        seen = torch.zeros_like(self._cube).flatten(0, 1)
        seen[labelled.pixels] = self._cube.flatten(0, 1)[labelled.pixels]
        return seen.view_as(self._cube)

    @staticmethod
    def _split(tiles: torch.Tensor, labelled: Labelled, batch_size: int) -> tuple[torch.Tensor, ...]:
        per_step = max(1, round(batch_size * len(tiles) / len(labelled.pixels)))
        return tiles.split(per_step)


def _starts(size: int, tile: int) -> torch.Tensor:
    """First rows (or columns) of the tiles that cover 0 .. size - 1."""
    return (torch.arange(-(-size // tile)) * tile).clamp(max=size - tile)

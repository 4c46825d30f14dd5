"""Batches for tile families: (B, C', T, T) with label maps (B, T, T), IGNORE wherever no training label is.

**Training.** Tiles lie side by side on a grid that is shifted at random from epoch to epoch, so that a pixel is not
always seen at one place of one tile; those at the scene's ends are moved inwards, and each label is in one tile. If the
config's `context` is the scene, tiles are whole, unlabelled pixels in them. If it is the training pixels, all others
are 0 (their mean): nothing is fitted on a spectrum that is not a training pixel's.

**Evaluation** (validation, test, map: one path). Tiles overlap on a fixed grid; the logits of a pixel are the mean over
the tiles that cover it, weighted by `hsiauto.families.tiling`: no seams. The mean of logits, not of probabilities: a
class must be likely in every tile. Where pixels are scored, the training pixels are 0 in their tiles: else a tile
around a test pixel would hold what the model was fitted on. A map shows everything. So tiles differ between training,
scores and map, and a module should read a pixel of zeros as absent, not as a spectrum
(`hsiauto.families.parts.presence`).

| symbol | meaning |
|---|---|
| B, C' | tiles a batch, channels |
| T | side of a tile; in each direction no longer than the scene |
| K | classes |
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn

from hsiauto.families.base import Seen
from hsiauto.families.tiling import shifts, side_by_side, starts, taper
from hsiauto.models.batches.labelled import IGNORE, SAMPLE_BYTES, Labelled, drop_bands

TRAINING_PIXELS = 1 << 16
"""The most pixels that a step trains on, whatever the batch size, one tile at least: activations grow with them."""
INFERENCE_PIXELS = {"cpu": 1 << 14, "cuda": 1 << 17}


class Corner(NamedTuple):
    """Upper left corner of a tile."""

    top: int
    left: int


class _Trained(NamedTuple):
    """A tile with the part of it, rows and columns counted from the corner, whose labels are its own."""

    corner: Corner
    rows: slice
    columns: slice


class TileBatches:
    def __init__(
        self,
        cube_HWC: torch.Tensor,
        tile: int,
        band_dropout: float = 0.0,
        context: Seen = "scene",
        shown_HW: torch.Tensor | None = None,
    ) -> None:
        self._cube, self._band_dropout, self._context = cube_HWC, band_dropout, context
        self._shown = None if shown_HW is None else shown_HW[..., None]
        self._height, self._width, self._channels = cube_HWC.shape
        self._tile, self._tile_height, self._tile_width = tile, min(tile, self._height), min(tile, self._width)

    def steps(self, labelled: Labelled, batch_size: int) -> int:
        """Steps of an epoch: each holds `batch_size` labelled pixels, between one tile and TRAINING_PIXELS."""
        n_pixels, n_tiles = len(labelled.pixels), len(self._trained(labelled, self._reference_shift()))
        at_once = max(1, TRAINING_PIXELS // self._tile_pixels)
        most = min(n_pixels, side_by_side(self._height, self._tile) * side_by_side(self._width, self._tile))
        return max(min(-(-n_pixels // batch_size), n_tiles), -(-most // at_once))

    def epoch(
        self, labelled: Labelled, batch_size: int, generator: torch.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """All tiles with a label in random order; if they are fewer than the steps, some a second time. Band
        dropout is per tile."""
        down, right = (_draw(choices, generator) for choices in self._shifts())
        tiles = self._trained(labelled, (down, right))
        n_steps = self.steps(labelled, batch_size)
        order = torch.randperm(len(tiles), generator=generator, device=generator.device).cpu()
        order = order[torch.arange(max(len(tiles), n_steps)) % len(tiles)]
        cube, labels = self._seen(labelled), self._label_map(labelled)
        for part in order.tensor_split(n_steps):
            chosen = [tiles[i] for i in part.tolist()]
            x = self._gather(cube, [tile.corner for tile in chosen])
            yield drop_bands(x, self._band_dropout, generator), self._targets(labels, chosen)

    def sample(self, labelled: Labelled, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Tiles until 64 MB; those with the rarest classes first, so that every class is in it if it can be."""
        tiles, labels = self._trained(labelled, self._reference_shift()), self._label_map(labelled)
        counts = labelled.labels.bincount()
        rarest = torch.stack([counts[y[y != IGNORE]].min() for y in self._targets(labels, tiles)])
        most = max(1, SAMPLE_BYTES // (self._tile_pixels * self._channels * self._cube.element_size()))
        chosen = [tiles[i] for i in rarest.argsort(stable=True)[:most].tolist()]
        x = self._gather(self._seen(labelled), [tile.corner for tile in chosen])
        return x, self._targets(labels, chosen)

    def logits(self, module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        corners = self._covering(pixels)
        down = {top: self._taper(top, self._height)[:, None] for top in {c.top for c in corners}}
        right = {left: self._taper(left, self._width) for left in {c.left for c in corners}}
        weight_HW = torch.zeros(self._height, self._width, device=self._cube.device)
        total_KHW: torch.Tensor | None = None
        for corner, logits_KTT in self._each(module, corners):
            if total_KHW is None:
                total_KHW = logits_KTT.new_zeros(len(logits_KTT), self._height, self._width)
            weights_TT = down[corner.top] * right[corner.left]
            rows, columns = self._slices(corner)
            weight_HW[rows, columns] += weights_TT
            total_KHW[:, rows, columns] += weights_TT * logits_KTT
        assert total_KHW is not None, "no pixel to label"
        return (total_KHW.flatten(1)[:, pixels] / weight_HW.flatten()[pixels]).T

    def _each(self, module: nn.Module, corners: Sequence[Corner]) -> Iterator[tuple[Corner, torch.Tensor]]:
        """Every tile with its logits (K, T, T), float32."""
        at_once = max(1, INFERENCE_PIXELS[self._cube.device.type] // self._tile_pixels)
        for first in range(0, len(corners), at_once):
            some = corners[first : first + at_once]
            x_BCTT = self._gather(self._cube, some)
            if self._shown is not None:
                x_BCTT = x_BCTT * self._gather(self._shown, some)
            yield from zip(some, module(x_BCTT).float(), strict=True)

    def _covering(self, pixels: torch.Tensor) -> list[Corner]:
        """The tiles of the fixed grid that hold any of `pixels`, in raster order. Counted by sums over rectangles."""
        wanted = torch.zeros(self._height * self._width, dtype=torch.int32, device=pixels.device)
        wanted[pixels] = 1
        sums = nn.functional.pad(wanted.view(self._height, self._width), (1, 0, 1, 0)).cumsum(0).cumsum(1)
        tops, lefts = starts(self._height, self._tile), starts(self._width, self._tile)
        top, left = (torch.tensor(places, device=pixels.device) for places in (tops, lefts))
        rows = sums[top + self._tile_height] - sums[top]
        inside = rows[:, left + self._tile_width] - rows[:, left]
        return [Corner(tops[i], lefts[j]) for i, j in inside.nonzero().tolist()]

    def _trained(self, labelled: Labelled, shift: tuple[int, int]) -> list[_Trained]:
        """The tiles with a label, of the grid that begins `shift` before the scene."""
        down, right = shift
        rows, columns = labelled.pixels // self._width, labelled.pixels % self._width
        place = torch.stack([(rows + down) // self._tile_height, (columns + right) // self._tile_width], dim=1)
        tiles = []
        for i, j in place.unique(dim=0).tolist():
            top, own_rows = _moved_inwards(i * self._tile_height - down, self._tile_height, self._height)
            left, own_columns = _moved_inwards(j * self._tile_width - right, self._tile_width, self._width)
            tiles.append(_Trained(Corner(top, left), own_rows, own_columns))
        return tiles

    def _gather(self, cube_HWC: torch.Tensor, corners: Sequence[Corner]) -> torch.Tensor:
        """(B, C', T, T), a channels-last view."""
        return torch.stack([cube_HWC[self._slices(corner)] for corner in corners]).permute(0, 3, 1, 2)

    def _targets(self, labels_HW: torch.Tensor, tiles: Sequence[_Trained]) -> torch.Tensor:
        """(B, T, T): the labels that are each tile's own."""
        targets = labels_HW.new_full((len(tiles), self._tile_height, self._tile_width), IGNORE)
        for target, (corner, rows, columns) in zip(targets, tiles, strict=True):
            target[rows, columns] = labels_HW[self._slices(corner)][rows, columns]
        return targets

    def _label_map(self, labelled: Labelled) -> torch.Tensor:
        labels = torch.full((self._height * self._width,), IGNORE, device=labelled.labels.device)
        labels[labelled.pixels] = labelled.labels
        return labels.view(self._height, self._width)

    def _seen(self, labelled: Labelled) -> torch.Tensor:
        """The cube as training may see it."""
        if self._context == "scene":
            return self._cube
        seen = torch.zeros_like(self._cube).flatten(0, 1)
        seen[labelled.pixels] = self._cube.flatten(0, 1)[labelled.pixels]
        return seen.view_as(self._cube)

    def _reference_shift(self) -> tuple[int, int]:
        down, right = self._shifts()
        return down[0], right[0]

    def _shifts(self) -> tuple[range, range]:
        return shifts(self._height, self._tile), shifts(self._width, self._tile)

    def _slices(self, corner: Corner) -> tuple[slice, slice]:
        top, left = corner
        return slice(top, top + self._tile_height), slice(left, left + self._tile_width)

    def _taper(self, start: int, size: int) -> torch.Tensor:
        return torch.from_numpy(taper(start, size, self._tile)).to(self._cube.device)

    @property
    def _tile_pixels(self) -> int:
        return self._tile_height * self._tile_width


def _moved_inwards(start: int, length: int, size: int) -> tuple[int, slice]:
    """(start within 0 .. size - 1 of a tile that may stick out, the part that stays its own, counted from there)."""
    moved = min(max(start, 0), size - length)
    return moved, slice(max(start, 0) - moved, min(start + length, size) - moved)


def _draw(choices: range, generator: torch.Generator) -> int:
    place = torch.randint(len(choices), (), generator=generator, device=generator.device)
    return choices[int(place)]

"""What models read of a cube that stays on disk: the surroundings of some pixels, gathered from its file.

Pixels of a cell of the scene share a box, with a rim of what a model reads around one. A training gets the boxes one
below another as a small scene; a prediction goes through them one by one, each as it lies in its scene, so that it is
the same as of the whole.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import FamilyConfig, PatchConfig, ReferenceConfig, TileConfig
from hsiauto.scene.memory import require
from hsiauto.scene.on_disk import release, stays_on_disk
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData

_CELL = 64
"""Least side of a cell in pixels."""
_NEIGHBOURS = 1
"""Least rim: the noise of a scene is measured between neighbours."""


@dataclass(frozen=True)
class Box:
    """Some pixels, and the rows and columns that they lie in."""

    members: npt.NDArray[np.int64]
    """Places in the list of pixels."""
    rows: tuple[int, int]
    columns: tuple[int, int]
    """First, and the one after the last."""


def boxes(pixels: Pixels, width: int, reach: int) -> Iterator[Box]:
    """Flat indices (N,) in a scene of `width` columns, cell by cell; wider cells if the rims are wide."""
    rows, columns = np.divmod(pixels, width)
    side = max(_CELL, 2 * reach)
    cells = rows // side * (width // side + 1) + columns // side
    order = np.argsort(cells, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(cells[order])) + 1):
        if len(members):
            y, x = rows[members], columns[members]
            yield Box(members, (int(y.min()), int(y.max()) + 1), (int(x.min()), int(x.max()) + 1))


def gathered(data: TrialData, config: FamilyConfig) -> TrialData:
    """`data` for a training of `config`: as it is, or, if its cube stays on disk, the surroundings of its pixels.

    What sees all of a scene is given it: tiles, spectra of unlabelled ground, positions. Raises UserError for
    surroundings that memory does not hold.
    """
    whole = config.transductive or any(isinstance(part, TileConfig | ReferenceConfig) for part in config.parts)
    if whole or not stays_on_disk(data.cube):
        return data
    asked = [data.train_pixels, data.val_pixels, np.empty(0, np.int64) if data.pool is None else data.pool]
    pixels = np.unique(np.concatenate(asked))
    reach = max(config.support, _NEIGHBOURS)
    found = list(boxes(pixels, data.cube.shape[1], reach))
    reflected = isinstance(config, PatchConfig) and config.border == "reflect"
    cube, valid, places = _stacked(data, pixels, found, reach, reflected)

    def there(some: Pixels) -> Pixels:
        return places[np.searchsorted(pixels, some)]

    return replace(
        data,
        cube=cube,
        valid=valid,
        train_pixels=there(data.train_pixels),
        val_pixels=there(data.val_pixels),
        pool=None if data.pool is None else there(data.pool),
    )


def _stacked(
    data: TrialData, pixels: Pixels, found: list[Box], reach: int, reflected: bool
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """(cube, valid pixels, flat index of each of `pixels`): the boxes with their rims, one below another.

    Beyond the scene's edge there is no data, or, `reflected`, what a patch sees there.
    """
    height, width, n_bands = data.cube.shape
    sizes = [(box.rows[1] - box.rows[0] + 2 * reach, box.columns[1] - box.columns[0] + 2 * reach) for box in found]
    grid = sum(rows for rows, _ in sizes), max(columns for _, columns in sizes)
    require(data.cube.dtype.itemsize * n_bands * grid[0] * grid[1], "the surroundings of the labelled pixels")
    cube, valid = np.zeros((*grid, n_bands), data.cube.dtype.newbyteorder("=")), np.zeros(grid, np.bool_)
    places, top = np.empty(len(pixels), np.int64), 0
    for box, (n_rows, n_columns) in zip(found, sizes, strict=True):
        rows, is_row = _around(box.rows[0] - reach, n_rows, height, reflected)
        columns, is_column = _around(box.columns[0] - reach, n_columns, width, reflected)
        part = slice(top, top + n_rows), slice(0, n_columns)
        there = np.ix_(rows, columns)
        cube[part] = data.cube[there]
        valid[part] = data.valid[there] & is_row[:, None] & is_column
        y, x = np.divmod(pixels[box.members], width)
        places[box.members] = (top + reach + y - box.rows[0]) * grid[1] + reach + x - box.columns[0]
        top += n_rows
        release(data.cube)
    return cube, valid, places


def _around(first: int, count: int, size: int, reflected: bool) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """(`count` indices from `first` on, folded back at the edges of 0 .. size - 1; which of them count)."""
    wanted = np.arange(first, first + count)
    folded = np.abs(wanted)
    folded = np.where(folded < size, folded, 2 * (size - 1) - folded).clip(0, size - 1)
    return folded, np.ones(count, np.bool_) if reflected else (wanted >= 0) & (wanted < size)


Predict = Callable[
    [npt.NDArray[np.generic], npt.NDArray[np.bool_], Pixels, Callable[[Pixels], Pixels]], npt.NDArray[np.float32]
]
"""(cube, valid pixels, pixels, flat indices there -> in the scene) -> (N, K): of a part of a scene, or all of it."""


def by_boxes(
    config: FamilyConfig,
    cube: npt.NDArray[np.generic],
    valid: npt.NDArray[np.bool_],
    pixels: Pixels,
    predict: Predict,
) -> npt.NDArray[np.float32]:
    """(N, K) at `pixels` of a scene: what `predict` says of it, or, if `cube` stays on disk, of each box with the rows
    and columns that `config` reads."""
    if not len(pixels) or not stays_on_disk(cube):
        return predict(cube, valid, pixels, lambda some: some)
    height, width = valid.shape
    found = []
    for box in boxes(pixels, width, config.support):
        (top, bottom), (left, right) = config.rows_read(*box.rows, height), config.rows_read(*box.columns, width)
        rows, columns = np.divmod(pixels[box.members], width)
        part, side = (slice(top, bottom), slice(left, right)), right - left

        def in_scene(some: Pixels, top: int = top, left: int = left, side: int = side) -> Pixels:
            return (some // side + top) * width + some % side + left

        places = (rows - top) * side + columns - left
        found.append((box.members, predict(np.ascontiguousarray(cube[part]), valid[part], places, in_scene)))
        release(cube)
    out = np.empty((len(pixels), found[0][1].shape[1]), np.float32)
    for members, p_NK in found:
        out[members] = p_NK
    return out

"""Regions: what a split holds out as a whole. Square blocks of the scene, or groups of labelled pixels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.split.budget import Labels
from hsiauto.split.model import SplitSpec

_AROUND_GROUPS = 16
"""Pixels around a test group within which it had better leave a class none: the widest automatic buffer."""

Ids = npt.NDArray[np.integer]
"""(H, W), from 0."""


@dataclass(frozen=True)
class Regions:
    """Pixels by region, and what a region that is held had better leave of a class."""

    ids: Ids
    """The region of each pixel; labelled ones lie in one."""
    lines: tuple[Ids, ...]
    """By which two pixels of a class are told to lie apart."""
    apart: int
    """The least difference, in one of `lines`, of two pixels of which one may validate while the other trains."""
    margin: int
    """Pixels around a held region that had better leave a class some."""


def regions_of(shape: tuple[int, ...], spec: SplitSpec, groups: Labels | None) -> Regions:
    """The regions of `blocks`, `groups` and `spectra`, and those that validate under `fixed` (blocks) and, within one
    scene, under `scenes`: groups if there are any, else blocks."""
    if spec.by_groups or (spec.protocol == "scenes" and groups is not None):
        assert groups is not None
        return Regions(groups, (groups,), apart=1, margin=_AROUND_GROUPS if spec.has_places else 0)
    block_size = spec.squares.block_size
    rows, columns = block_lines((shape[0], shape[1]), block_size)
    lines = (np.broadcast_to(rows[:, None], shape), np.broadcast_to(columns, shape))
    return Regions(block_ids((shape[0], shape[1]), block_size), lines, apart=2, margin=block_size // 2)


def block_ids(shape: tuple[int, int], block_size: int) -> npt.NDArray[np.int64]:
    """(H, W) number of each pixel's block. A remainder under half a block joins the last block: no slivers."""
    rows, columns = block_lines(shape, block_size)
    return rows[:, None] * (columns[-1] + 1) + columns[None, :]


def block_lines(shape: tuple[int, int], block_size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The row of blocks of each row, the column of blocks of each column."""
    rows, columns = (
        np.minimum(np.arange(side) // block_size, max(1, int(side / block_size + 0.5)) - 1) for side in shape
    )
    return rows, columns

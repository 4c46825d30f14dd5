"""`blocks`: whole square blocks of the scene test, others train, with a buffer between them.

Rare classes are placed first: blocks are held out for the class that stands in the fewest, then at random until their
share is reached. A block is never held out if that would take the last training pixel of a class that stands in
several blocks. The buffer comes off the training side only, after the test blocks are drawn, so the test pixels of a
class are the same for every buffer; the draw prefers blocks that leave each class training pixels half a block away,
so that most classes outlast most buffers.
"""

from itertools import product

import numpy as np
import numpy.typing as npt

from hsiauto.split.budget import Labels, choose, quota
from hsiauto.split.distance import near
from hsiauto.split.model import Mask, Sides, SplitSpec

_DRAWS = 20
"""Validations drawn before one that lacks a class is taken."""


def divide(labels: Labels, spec: SplitSpec, draw_rng: np.random.Generator, budget_rng: np.random.Generator) -> Sides:
    """About `test_fraction` of the blocks that have labels test; the budget is drawn from what the buffer leaves."""
    grid = _Grid(labels, spec.block_size)
    several = np.flatnonzero((grid.counts > 0).sum(axis=0) >= 2)
    test = grid.hold_out(spec.test_fraction, margins=(spec.block_size // 2, 0), keep=several, rng=draw_rng)
    outside = (labels > 0) & ~near(test, spec.buffer)
    pool = choose(np.where(outside, labels, 0), quota(labels, spec, default_fraction=None), budget_rng)
    return Sides(pool, test, rest="within the buffer or over the budget")


def carve(pool_labels: Labels, spec: SplitSpec, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """(train, val) of the pool by the same rule: blocks validate, the buffer comes off train, no class leaves it.

    Of several draws the first that validates every class which a block can validate, else the one with most classes.
    """
    grid, classes = _Grid(pool_labels, spec.block_size), np.flatnonzero(np.bincount(pool_labels[pool_labels > 0]))
    possible = sum(grid.can_hold(k, spec.buffer, keep=classes) for k in classes.tolist())
    val, most = np.zeros(pool_labels.shape, dtype=bool), 0
    for _ in range(_DRAWS):
        if most == possible:
            break
        drawn = grid.hold_out(spec.val_fraction, margins=(spec.buffer,), keep=classes, rng=rng)
        if (n_classes := len(np.unique(pool_labels[drawn]))) > most:
            val, most = drawn, n_classes
    return (pool_labels > 0) & ~near(val, spec.buffer), val


def block_ids(shape: tuple[int, int], block_size: int) -> npt.NDArray[np.int64]:
    """(H, W) number of each pixel's block. A remainder under half a block joins the last block: no slivers."""
    rows, columns = (np.arange(side) // block_size for side in shape)
    n_rows, n_columns = (max(1, int(side / block_size + 0.5)) for side in shape)
    rows, columns = np.minimum(rows, n_rows - 1), np.minimum(columns, n_columns - 1)
    return rows[:, None] * n_columns + columns[None, :]


class _Grid:
    """Labelled pixels by block, and the drawing of blocks."""

    def __init__(self, labels: Labels, block_size: int) -> None:
        from scipy import ndimage  # see distance.py

        self.labels = labels
        self.ids = block_ids((labels.shape[0], labels.shape[1]), block_size)
        self.windows = ndimage.find_objects(self.ids + 1)
        n_blocks, n_values = len(self.windows), int(labels.max()) + 1
        pairs = self.ids.ravel() * n_values + labels.ravel()
        self.counts = np.bincount(pairs, minlength=n_blocks * n_values).reshape(n_blocks, n_values)
        """(blocks, K + 1) pixels of each class; column 0 is no class and stays 0."""
        self.counts[:, 0] = 0

    def hold_out(
        self, fraction: float, margins: tuple[int, ...], keep: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> Mask:
        """(H, W) labelled pixels of the blocks held out; none if no block can be.

        Every class in `keep` is in a held block if one allows it, and keeps a pixel further than a margin from all held
        ones: at the first margin if that can be had, else the next. At the last margin it always does.
        """
        held = np.zeros(self.labels.shape, dtype=bool)
        taken = np.zeros(len(self.counts), dtype=bool)
        remaining = [_Remaining(self.labels, self.counts.sum(axis=0)) for _ in margins]
        levels = range(len(margins))

        def take(block: int, level: int) -> bool:
            changes = [(left, *self._loss(block, margin)) for left, margin in zip(remaining, margins, strict=True)]
            if any(left.would_empty(window, lost, keep) for left, window, lost in changes[level:]):
                return False
            for left, window, lost in changes:
                left.remove(window, lost)
            rows, columns = self.windows[block]
            held[rows, columns] = True
            taken[block] = True
            return True

        for k in sorted(keep, key=lambda k: (np.count_nonzero(self.counts[:, k]), self.counts[:, k].sum())):
            standing = np.flatnonzero(self.counts[:, k])
            if not taken[standing].any():
                for level, block in product(levels, rng.permutation(standing)):
                    if take(block, level):
                        break
        occupied = np.flatnonzero(self.counts.any(axis=1))
        wanted = max(1, int(fraction * len(occupied) + 0.5))
        for level, block in product(levels, rng.permutation(occupied)):
            if taken.sum() >= wanted:
                break
            if not taken[block]:
                take(block, level)
        return held & (self.labels > 0)

    def can_hold(self, k: int, margin: int, keep: npt.NDArray[np.int64]) -> bool:
        """Whether a block with class `k` can be held out, if it is the first one."""
        untouched = _Remaining(self.labels, self.counts.sum(axis=0))
        blocks = np.flatnonzero(self.counts[:, k]).tolist()
        return any(not untouched.would_empty(*self._loss(block, margin), keep) for block in blocks)

    def _loss(self, block: int, margin: int) -> tuple[tuple[slice, slice], Mask]:
        """A window, and what of it lies within `margin` of the block's labelled pixels."""
        rows, columns = self.windows[block]
        window = (
            slice(max(0, rows.start - margin), rows.stop + margin),
            slice(max(0, columns.start - margin), columns.stop + margin),
        )
        return window, near((self.ids[window] == block) & (self.labels[window] > 0), margin)


class _Remaining:
    """Labelled pixels further than some margin from all held blocks, and their number by class."""

    def __init__(self, labels: Labels, counts: npt.NDArray[np.int64]) -> None:
        self.labels = labels
        self.mask = labels > 0
        self.counts = counts

    def would_empty(self, window: tuple[slice, slice], lost: Mask, keep: npt.NDArray[np.int64]) -> bool:
        """Whether losing `lost` takes the last pixel of a class in `keep`, or of all."""
        after = self.counts - self._lost(window, lost)
        return bool(((self.counts > 0) & (after == 0))[keep].any() or not after.any())

    def remove(self, window: tuple[slice, slice], lost: Mask) -> None:
        self.counts = self.counts - self._lost(window, lost)
        self.mask[window] &= ~lost

    def _lost(self, window: tuple[slice, slice], lost: Mask) -> npt.NDArray[np.int64]:
        return np.bincount(self.labels[window][self.mask[window] & lost], minlength=len(self.counts))

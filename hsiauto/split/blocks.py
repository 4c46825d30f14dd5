"""`blocks` and `groups`: whole regions test, square blocks or fields, others train, with a buffer between them.

Rare classes are placed first: regions are held out for the class that stands in the fewest, then at random until their
share is reached. A region is never held out if that would take the last training pixel of a class that stands in
several. The buffer comes off the training side only, after the test regions are drawn, so the test pixels of a class
are the same for every buffer; the draw prefers regions that leave each class training pixels half a block away (of
groups: further than any automatic buffer), with a whole block between two of them (in two groups), so that most classes
outlast most buffers and can be validated.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hsiauto.split.budget import Labels, choose, quota
from hsiauto.split.distance import near
from hsiauto.split.model import Mask, Sides, SplitSpec
from hsiauto.split.regions import Regions

_DRAWS = 20
"""Validations drawn before one that lacks a class is taken."""


def divide(
    labels: Labels, spec: SplitSpec, regions: Regions, draw_rng: np.random.Generator, budget_rng: np.random.Generator
) -> Sides:
    """About `test_fraction` of the regions with labels test; the budget is drawn from what the buffer leaves."""
    grid = _Grid(labels, regions)
    several = np.flatnonzero((grid.counts > 0).sum(axis=0) >= 2)
    keeps = (_Keep(regions.margin, apart=True), _Keep(regions.margin), _Keep(0))
    test = grid.hold_out(spec.test_fraction, keeps, several, draw_rng)
    outside = (labels > 0) & ~near(test, spec.squares.buffer)
    pool = choose(np.where(outside, labels, 0), quota(labels, spec, default_fraction=None), budget_rng)
    return Sides(pool, test, rest="within the buffer or over the budget")


def carve(
    pool_labels: Labels, spec: SplitSpec, regions: Regions, rng: np.random.Generator, barred: Mask | None = None
) -> tuple[Mask, Mask]:
    """(train, val) of the pool by the same rule: regions validate, the buffer comes off train, no class leaves it.

    Of several draws the first that validates every class which a region can validate, else the one with most classes.
    barred: (H, W) pixels whose regions validate in another fold, and not in this one.
    """
    buffer = spec.squares.buffer
    grid = _Grid(pool_labels, regions, barred)
    classes = np.flatnonzero(np.bincount(pool_labels[pool_labels > 0]))
    possible = sum(grid.can_hold(k, buffer, keep=classes) for k in classes.tolist())
    val, most = np.zeros(pool_labels.shape, dtype=bool), 0
    for _ in range(_DRAWS):
        if most == possible:
            break
        drawn = grid.hold_out(spec.val_fraction, (_Keep(buffer),), classes, rng)
        if (n_classes := len(np.unique(pool_labels[drawn]))) > most:
            val, most = drawn, n_classes
    return (pool_labels > 0) & ~near(val, buffer), val


class _Keep(NamedTuple):
    """What held regions leave of a class: a pixel further away than `margin`, or two that lie apart."""

    margin: int
    apart: bool = False


class _Grid:
    """Labelled pixels by region, and the drawing of regions. Those with a pixel in `barred` are not held."""

    def __init__(self, labels: Labels, regions: Regions, barred: Mask | None = None) -> None:
        from scipy import ndimage  # see distance.py

        self.labels, self.regions, self.ids = labels, regions, regions.ids
        self.windows = ndimage.find_objects(self.ids + 1)
        n_blocks, n_values = len(self.windows), int(labels.max()) + 1
        pairs = self.ids.ravel().astype(np.int64) * n_values + labels.ravel()
        self.counts = np.bincount(pairs, minlength=n_blocks * n_values).reshape(n_blocks, n_values)
        """(blocks, K + 1) pixels of each class; column 0 is no class and stays 0."""
        self.counts[:, 0] = 0
        self.free = np.ones(n_blocks, dtype=bool)
        if barred is not None:
            self.free[self.ids[barred]] = False

    def hold_out(
        self, fraction: float, keeps: tuple[_Keep, ...], classes: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> Mask:
        """(H, W) labelled pixels of the blocks held out; none if no block can be.

        Every one of `classes` is in a held block if one allows it, and keeps what the first of `keeps` says if that can
        be had, else the next. What the last one says it always keeps.
        """
        held = np.zeros(self.labels.shape, dtype=bool)
        taken = np.zeros(len(self.counts), dtype=bool)
        remaining = [_Remaining(self.labels, self.regions, keep.apart) for keep in keeps]
        levels = range(len(keeps))

        def take(block: int, level: int) -> bool:
            changes = [(left, *self._loss(block, keep.margin)) for left, keep in zip(remaining, keeps, strict=True)]
            if any(left.would_empty(window, lost, classes) for left, window, lost in changes[level:]):
                return False
            for left, window, lost in changes:
                left.remove(window, lost)
            rows, columns = self.windows[block]
            held[rows, columns] |= self.ids[rows, columns] == block
            taken[block] = True
            return True

        for k in sorted(classes, key=lambda k: (np.count_nonzero(self.counts[:, k]), self.counts[:, k].sum())):
            standing = self._holding(k)
            if not taken[standing].any():
                for level, block in product(levels, rng.permutation(standing)):
                    if take(block, level):
                        break
        occupied = self.counts.any(axis=1)
        wanted = max(1, int(fraction * np.count_nonzero(occupied) + 0.5))
        for level, block in product(levels, rng.permutation(np.flatnonzero(occupied & self.free))):
            if taken.sum() >= wanted:
                break
            if not taken[block]:
                take(block, level)
        return held & (self.labels > 0)

    def can_hold(self, k: int, margin: int, keep: npt.NDArray[np.int64]) -> bool:
        """Whether a block with class `k` can be held out, if it is the first one."""
        untouched = _Remaining(self.labels, self.regions)
        blocks = self._holding(k).tolist()
        return any(not untouched.would_empty(*self._loss(block, margin), keep) for block in blocks)

    def _holding(self, k: int) -> npt.NDArray[np.int64]:
        """The blocks with class `k` that may be held."""
        return np.flatnonzero((self.counts[:, k] > 0) & self.free)

    def _loss(self, block: int, margin: int) -> tuple[tuple[slice, slice], Mask]:
        """A window, and what of it lies within `margin` of the block's labelled pixels."""
        rows, columns = self.windows[block]
        window = (
            slice(max(0, rows.start - margin), rows.stop + margin),
            slice(max(0, columns.start - margin), columns.stop + margin),
        )
        return window, near((self.ids[window] == block) & (self.labels[window] > 0), margin)


class _Remaining:
    """Labelled pixels further than some margin from all held regions; their number by class and line."""

    def __init__(self, labels: Labels, regions: Regions, apart: bool = False) -> None:
        self.labels, self.regions, self.apart = labels, regions, apart
        self.mask = labels > 0
        self.n_values = int(labels.max()) + 1
        self.n_lines = [int(line.max()) + 1 for line in regions.lines]
        whole = (slice(None), slice(None))
        self.counts = self._by_line(whole, self.mask)

    def would_empty(self, window: tuple[slice, slice], lost: Mask, classes: npt.NDArray[np.int64]) -> bool:
        """Whether losing `lost` takes what is to be kept of one of `classes`, or the last pixel of all."""
        after = [n - gone for n, gone in zip(self.counts, self._lost(window, lost), strict=True)]
        before, left = self._kept(self.counts), self._kept(after)
        return bool((before & ~left)[classes].any() or not after[0].any())

    def remove(self, window: tuple[slice, slice], lost: Mask) -> None:
        self.counts = [n - gone for n, gone in zip(self.counts, self._lost(window, lost), strict=True)]
        self.mask[window] &= ~lost

    def _kept(self, counts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.bool_]:
        """(K + 1,) whether each class has a pixel left; if they are to be `apart`, two that are.

        Of blocks two lines further: more than a block lies between the pixels.
        """
        present = counts[0].sum(axis=1) > 0
        return present & (np.max([_spread(n) for n in counts], axis=0) >= self.regions.apart) if self.apart else present

    def _lost(self, window: tuple[slice, slice], lost: Mask) -> list[npt.NDArray[np.int64]]:
        return self._by_line(window, self.mask[window] & lost)

    def _by_line(self, window: tuple[slice, slice], mask: Mask) -> list[npt.NDArray[np.int64]]:
        """[(K + 1, lines)] pixels of `mask`, which is of `window`, for each kind of lines."""
        labels, found = self.labels[window][mask], []
        for line, n_lines in zip(self.regions.lines, self.n_lines, strict=True):
            pairs = labels.astype(np.int64) * n_lines + line[window][mask]
            found.append(np.bincount(pairs, minlength=self.n_values * n_lines).reshape(self.n_values, n_lines))
        return found


def _spread(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(K + 1,) lines between the first and the last with a pixel, of (K + 1, lines) counts."""
    present = counts > 0
    return present.shape[1] - 1 - present[:, ::-1].argmax(axis=1) - present.argmax(axis=1)

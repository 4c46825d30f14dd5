"""Pixels or groups of each class on each side of a split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hsiauto.split.budget import Labels
from hsiauto.split.model import Pixels, Split


@dataclass(frozen=True)
class ClassCounts:
    """Pixels or groups of one class. Of one that is not scored all but `labelled` are 0."""

    class_number: int
    """1-based."""
    labelled: int
    pool: int
    train: int
    """Beside the first validation fold."""
    val: tuple[int, ...]
    """Of each fold."""
    test: int


def class_counts(labels: Labels, folds: Sequence[Split], groups: Labels | None = None) -> list[ClassCounts]:
    """Pixels of every class of `labels` (H, W), or those of `groups` (H, W) in which it stands. folds: the split, then
    those with its further validation folds."""
    n_values, flat, split = int(labels.max()) + 1, labels.ravel(), folds[0]

    def by_class(pixels: Pixels) -> list[int]:
        found = flat[pixels]
        if groups is not None:
            found = np.unique(np.stack([found, groups.ravel()[pixels]]), axis=1)[0]
        return np.bincount(found, minlength=n_values).tolist()

    columns = [by_class(np.flatnonzero(flat)), by_class(split.pool), by_class(split.train), by_class(split.test)]
    val = list(zip(*(by_class(fold.val) for fold in folds), strict=True))
    return [
        ClassCounts(k, columns[0][k], columns[1][k], columns[2][k], val[k], columns[3][k]) for k in range(1, n_values)
    ]

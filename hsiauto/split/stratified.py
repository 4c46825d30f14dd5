"""`random`: pixels drawn at random within each class, as most papers of the field do.

Here for comparison with them: neighbours of every test pixel are in training, so the figure says little about spectra.
"""

import numpy as np

from hsiauto.split.budget import Labels, choose, quota
from hsiauto.split.model import Mask, Sides, SplitSpec

DEFAULT_TRAIN_FRACTION = 0.10


def divide(labels: Labels, spec: SplitSpec, rng: np.random.Generator) -> Sides:
    """The budget trains, all the rest tests. A class with a single pixel has none to train on."""
    pool = choose(labels, quota(labels, spec, DEFAULT_TRAIN_FRACTION), rng)
    return Sides(pool, (labels > 0) & ~pool, rest="not used")


def carve(
    pool_labels: Labels, spec: SplitSpec, rng: np.random.Generator, barred: Mask | None = None
) -> tuple[Mask, Mask]:
    """(train, val) of the pool: `val_fraction` of each class that has two pixels or more, at least one on each side.

    barred: (H, W) pixels that validate in another fold, and not in this one.
    """
    totals = np.bincount(pool_labels.ravel())
    share = np.floor(spec.val_fraction * totals + 0.5).astype(np.int64)
    numbers = np.clip(share, np.minimum(1, np.maximum(totals - 1, 0)), np.maximum(totals - 1, 0))
    val = choose(pool_labels if barred is None else np.where(barred, 0, pool_labels), numbers, rng)
    return (pool_labels > 0) & ~val, val

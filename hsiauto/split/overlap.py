"""Overlap: the share of the test set that a model has seen through its patches, the leakage of a row of results."""

from typing import NamedTuple

import numpy as np

from hsiauto.split.distance import distance_to
from hsiauto.split.model import Split


class Overlap(NamedTuple):
    """Leakage of a split at one support, in [0, 1]."""

    contains: float
    """Share of the test patches that contain a training pixel."""
    shares: float
    """Share of the test patches that have a pixel in common with a training patch."""


def overlap(split: Split, support: int) -> Overlap:
    """Overlap of square patches of side 2 * support + 1 around test pixels with training.

    Training pixel means `split.pool`: what the refit, whose test score stands beside these shares, trains on. Patches
    end at the border of the scene.
    """
    in_pool = np.zeros(split.shape, dtype=bool)
    in_pool.ravel()[split.pool] = True
    distance = distance_to(in_pool, split.parts).ravel()[split.test]
    return Overlap(contains=float((distance <= support).mean()), shares=float((distance <= 2 * support).mean()))

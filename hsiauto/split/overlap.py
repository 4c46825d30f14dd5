"""How much of the test set a model has seen through its patches: the leakage that a row of results must declare."""

from typing import NamedTuple

import numpy as np

from hsiauto.split.distance import distance_to
from hsiauto.split.model import Split


class Overlap(NamedTuple):
    """Shares of the test patches, in [0, 1]."""

    contains: float
    """That contain a training pixel."""
    shares: float
    """That have a pixel in common with a training patch."""


def overlap(split: Split, support: int) -> Overlap:
    """Overlap of square patches of side 2 * support + 1 around test pixels with training.

    Training pixel means `split.pool`: what the refit, whose test score stands beside these shares, trains on. Patches
    end at the border of the scene.
    """
    in_pool = np.zeros(split.shape, dtype=bool)
    in_pool.ravel()[split.pool] = True
    distance = distance_to(in_pool).ravel()[split.test]
    return Overlap(contains=float((distance <= support).mean()), shares=float((distance <= 2 * support).mean()))

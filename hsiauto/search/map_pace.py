"""How fast a model draws a map, measured on a block of the scene."""

import math
import time

import numpy as np

from hsiauto.models.fitted.base import Fitted
from hsiauto.split.seal import TrialData

TIMED_SIDE = 64
"""Of the block of pixels, in pixels, that inference is timed on; larger where a model reads further."""


def seconds_a_pixel(fitted: Fitted, data: TrialData) -> float:
    """Of a map: all valid pixels in a block amid the scene, so that preprocessing counts for these alone. NaN: none.

    Scattered pixels would be charged with the whole scene's preprocessing, and with pixels that nobody asked for where
    a family labels whole blocks in one pass.
    """
    side = max(TIMED_SIDE, 2 * fitted.support + 1)
    corner = [(size - min(side, size)) // 2 for size in data.valid.shape]
    block = tuple(slice(start, start + side) for start in corner)
    cube, valid = np.ascontiguousarray(data.cube[block]), data.valid[block]
    pixels = np.flatnonzero(valid)
    if not len(pixels):
        return math.nan
    clock = time.perf_counter()
    fitted.probabilities(cube, valid, pixels)
    return (time.perf_counter() - clock) / len(pixels)

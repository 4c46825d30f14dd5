"""Chebyshev distance on the pixel grid: what buffers and overlap shares are made of."""

import numpy as np
import numpy.typing as npt

from hsiauto.split.model import Mask


def distance_to(mask: Mask) -> npt.NDArray[np.int32]:
    """(H, W) Chebyshev distance in pixels to the nearest True pixel of a mask that has one."""
    from scipy import ndimage  # a quarter of a second, that a command line which splits nothing saves

    assert mask.any(), "an empty mask is at no distance"
    distance: npt.NDArray[np.int32] = ndimage.distance_transform_cdt(~mask, metric="chessboard")
    return distance


def near(mask: Mask, radius: int) -> Mask:
    """(H, W) True within `radius` pixels (Chebyshev) of a True pixel, the pixel itself included."""
    return distance_to(mask) <= radius if mask.any() else mask

"""Chebyshev distance on the pixel grid: what buffers and overlap shares are made of, and accuracies depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from hsiauto.scene.model import Part
from hsiauto.scene.mosaic import within
from hsiauto.split.model import Mask, Pixels, Split

BINS = ("1-4", "5-8", "9-16", "17-32", "over 32")
"""Distances in pixels that accuracies are told for."""
_LAST = (4, 8, 16, 32)
"""The last distance of each bin but the open one."""
ELSEWHERE = 1 << 30
"""The distance of a pixel from training in other scenes alone, and of spectra that lie nowhere: none on the ground, and
beyond every bin."""


def distance_to(mask: Mask, parts: Sequence[Part] = ()) -> npt.NDArray[np.int32]:
    """(H, W) Chebyshev distance in pixels to the nearest True pixel of a mask that has one; of a mosaic of `parts`, to
    the nearest one of the same scene, else ELSEWHERE."""
    if parts:
        apart = np.full(mask.shape, ELSEWHERE, np.int32)
        for part in parts:
            if (own := within(mask, part)).any():
                within(apart, part)[:] = distance_to(own)
        return apart
    from scipy import ndimage  # a quarter of a second, that a command line which splits nothing saves

    assert mask.any(), "an empty mask is at no distance"
    distance: npt.NDArray[np.int32] = ndimage.distance_transform_cdt(~mask, metric="chessboard")
    return distance


def near(mask: Mask, radius: int) -> Mask:
    """(H, W) True within `radius` pixels (Chebyshev) of a True pixel, the pixel itself included."""
    return distance_to(mask) <= radius if mask.any() else mask


def bin_of(distance: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """(N,) place in `BINS` of each distance; 0, a training pixel itself, counts to the first."""
    return np.searchsorted(_LAST, distance)


@dataclass(frozen=True, eq=False)
class Distances:
    """How far test and map lie from training: pixels (Chebyshev) to the nearest one that a refit trains on."""

    test: npt.NDArray[np.int32]
    """(N,) of each test pixel, in the order of `split.test`."""
    map: npt.NDArray[np.int32]
    """(M,) of each pixel of the scene that holds data."""

    @classmethod
    def of(cls, split: Split, valid: Mask, trained_on: Pixels | None = None) -> Self:
        """`valid` (H, W): pixels that hold data. trained_on: None: the pool, which a refit and the exported model train
        on."""
        if not split.spec.has_places:
            return cls(*(np.full(n, ELSEWHERE, np.int32) for n in (len(split.test), np.count_nonzero(valid))))
        training = np.zeros(split.shape, dtype=bool)
        training.ravel()[split.pool if trained_on is None else trained_on] = True
        distance = distance_to(training, split.parts)
        return cls(distance.ravel()[split.test], distance[valid])

    @property
    def test_range(self) -> tuple[int, int]:
        """Of the nearest test pixel and of the furthest."""
        return int(self.test.min()), int(self.test.max())

    @property
    def map_median(self) -> int:
        """The least distance within which half of the map lies."""
        return int(np.quantile(self.map, 0.5, method="inverted_cdf"))

    @property
    def known(self) -> dict[str, int | None]:
        """Columns of a leaderboard; None for what is in another scene."""
        told = (*self.test_range, self.map_median)
        names = ("test_distance_min", "test_distance_max", "map_distance_median")
        return {name: None if n >= ELSEWHERE else n for name, n in zip(names, told, strict=True)}

    @property
    def statement(self) -> str:
        """What an accuracy on this split is an accuracy of."""
        return statement(*self.test_range, self.map_median)


IN_ANOTHER_SCENE = "test pixels lie in another scene than training"


def statement(nearest: int, furthest: int, map_median: int) -> str:
    """Of test pixels `nearest` to `furthest` pixels from training, and a map half of which lies within `map_median`."""
    if nearest >= ELSEWHERE:
        return IN_ANOTHER_SCENE
    test = f"{nearest} to {furthest}" if nearest < furthest else str(nearest)
    plural = "" if test == "1" else "s"
    if furthest >= ELSEWHERE:
        return f"test pixels lie {nearest} pixels or more from training, or in another scene"
    half = f"within {map_median}" if map_median < ELSEWHERE else "in other scenes"
    return f"test pixels lie {test} pixel{plural} from training; half of your map lies {half}"

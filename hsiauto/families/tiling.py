"""Positions of tiles along one side of a scene, and the weight of each for a pixel that several of them cover.

Prediction has one grid, anchored at the scene's first row and column: each tile overlaps the one before by o pixels,
the last is moved inwards to end with the scene. The weight of a tile rises in a straight line over the o pixels at an
end that lies inside the scene, and stays 1 at an end that is the scene's own. So the weights of two neighbours add up
to 1, none is 0, and the weighted mean of what tiles say has no seam: it changes from one tile's to the next one's by
1 / o a pixel (2 / o at most if the last tile joins in early).

Training lays tiles side by side, which costs least, and shifts them from epoch to epoch.

| symbol | meaning |
|---|---|
| T | side of a tile |
| o | T // 4: a tile of a long side costs (4 / 3)^2 = 1.8 tiles side by side; o = T // 2 would cost 4 |
"""

import numpy as np
import numpy.typing as npt


def overlap(tile: int) -> int:
    """o. At most T // 2, or a pixel inside the scene could lie in the rising part of a tile alone."""
    return tile // 4


def starts(size: int, tile: int) -> list[int]:
    """First pixels of the tiles that cover 0 .. size - 1 in prediction. A tile longer than the scene is cut to it."""
    last, stride = max(0, size - tile), tile - overlap(tile)
    return [min(start, last) for start in range(0, last + stride, stride)]


def taper(start: int, size: int, tile: int) -> npt.NDArray[np.float32]:
    """Weights (min(tile, size),) in (0, 1] of the pixels of the tile that begins at `start`."""
    length, slope = min(tile, size), overlap(tile)
    middles = np.arange(length, dtype=np.float32) + 0.5
    rising = middles / slope if start > 0 else np.ones_like(middles)
    falling = (length - middles) / slope if start + length < size else np.ones_like(middles)
    return np.minimum(np.minimum(rising, falling), 1)


def reach(start: int, stop: int, size: int, tile: int) -> tuple[int, int]:
    """First pixel, and the one after the last, of the tiles that cover any of start .. stop - 1.

    Cut out and tiled anew, this part of the scene has the same tiles with the same weights on start .. stop - 1: it
    begins with a tile whose rising part ends before `start`, or `start` would lie in the tile before as well.
    """
    covering = [first for first in starts(size, tile) if first < stop and start < first + tile]
    return covering[0], min(covering[-1] + tile, size)


def side_by_side(size: int, tile: int) -> int:
    """Tiles in training: so many that their grid can be shifted by a quarter tile or more."""
    return 1 if size <= tile else -(-(size + tile // 4) // tile)


def shifts(size: int, tile: int) -> range:
    """Pixels before the scene at which the first training tile may begin: always `side_by_side` tiles hold a pixel."""
    if size <= tile:
        return range(1)
    n_tiles = side_by_side(size, tile)
    return range(max(0, (n_tiles - 1) * tile - size + 1), min(n_tiles * tile - size, tile - 1) + 1)

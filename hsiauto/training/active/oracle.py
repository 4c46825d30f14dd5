"""Oracle: holds the labels of a pool, reveals those that it is asked for, counts each."""

import numpy as np
import numpy.typing as npt

from hsiauto.split.budget import choose
from hsiauto.split.model import Pixels

Labels = npt.NDArray[np.int64]


class Oracle:
    """The only holder of the pool's labels while an active run learns. 0-based classes.

    most: labels that it will give; asking beyond that, twice for one pixel, or for one outside the pool is a fault of
    the program and raises ValueError.
    """

    def __init__(self, pixels: Pixels, labels: Labels, most: int) -> None:
        assert pixels.shape == labels.shape
        self._pixels, self._labels, self._most = pixels, labels, most
        self._asked = np.zeros(len(pixels), bool)

    @property
    def counted(self) -> int:
        """Labels given so far."""
        return int(self._asked.sum())

    @property
    def unlabelled(self) -> Pixels:
        """Pixels of the pool that it was not asked about, sorted."""
        return self._pixels[~self._asked]

    @property
    def revealed(self) -> tuple[Pixels, Labels]:
        """What it was asked, sorted by pixel, with the answers."""
        return self._pixels[self._asked], self._labels[self._asked]

    def ask(self, pixels: Pixels) -> None:
        """Reveal and count the labels at `pixels`."""
        places = np.searchsorted(self._pixels, pixels).clip(max=len(self._pixels) - 1)
        if not np.array_equal(self._pixels[places], pixels):
            raise ValueError("the oracle knows the labels of its pool alone")
        if len(np.unique(places)) < len(places) or self._asked[places].any():
            raise ValueError("a label is asked for once")
        if self.counted + len(places) > self._most:
            raise ValueError(
                f"{self._most} labels may be asked for; {self.counted} are, {len(places)} more were wanted"
            )
        self._asked[places] = True

    def representative(self, n: int, rng: np.random.Generator) -> Pixels:
        """`n` pixels to begin with: the classes in the pool's proportions, at random within each, none left out.

        Somebody must know a pixel of each class: this alone is taken from labels before they are counted.
        `n` is at least the number of classes in the pool.
        """
        chosen = choose(self._labels[None] + 1, apportion(np.bincount(self._labels + 1), n), rng)[0]
        return self._pixels[chosen]


def apportion(counts: Labels, n: int) -> Labels:
    """(K,) pixels of each class -> how many of `n` each gets: one, then whichever lags its share most. Exactly `n`."""
    given = np.minimum(counts, 1)
    assert given.sum() <= n <= counts.sum()
    for _ in range(n - int(given.sum())):
        lag = np.where(given < counts, n * counts / counts.sum() - given, -np.inf)
        given[lag.argmax()] += 1
    return given

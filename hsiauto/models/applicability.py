"""Area of applicability: the pixels that are as like training as training fields are like each other, so that a test
says something of them (Meyer and Pebesma, Methods Ecol. Evol. 12(9), 2021; R package CAST).

A pixel's dissimilarity is the distance to the nearest training pixel in the space of features. The threshold is the
largest dissimilarity of a training pixel to those of other folds that is no outlier: the upper whisker of a box plot.
Here dissimilarities are divided by it, so that 1 is the border; the paper divides both by training's mean distance.

Departures from the paper:
* The space is what the model itself is fed: a network the projection of the pixel's own spectrum, also if it reads a
  patch; a classical family its features, smoothed ones among them; an ensemble those of all its members, each with the
  same weight. Features are not weighted by importance, which networks do not tell: components that say little of the
  classes count like the others.
* Other folds are training pixels so far away as test pixels lie from training: what was tested is what was left out.
* Training is thinned to `MOST` pixels, the classes in turn, for the threshold and for what is compared with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.classical import ClassicalFitted
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.split.budget import rank_in_class
from hsiauto.split.distance import ELSEWHERE
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData

MOST = 1000
_AT_A_TIME = 1 << 12
_SQUARE = 32
"""Pixels across which the largest automatic blocks reach."""
_SMALLEST = 1e-6
"""A threshold is no smaller: training spectra may be alike to the last digit."""

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Applicability:
    """What the pixels of a scene are compared with."""

    reference: Features
    """(R, F) features of training pixels."""
    threshold: float
    """Distance from the nearest of them within which a pixel is in the area."""

    @classmethod
    def fit(cls, fitted: Fitted, data: TrialData, apart: int) -> Self:
        """From the training pixels of `fitted`.

        apart: pixels (Chebyshev) from which on a training pixel is of another fold; ELSEWHERE: in another scene, or if
        one scene alone trains `_SQUARE` pixels away.
        """
        labels, pixels = data.train_labels, data.train_pixels
        turn = rank_in_class(labels, np.random.default_rng(0).permutation(len(labels)))
        kept = pixels[np.sort(np.argsort(turn, kind="stable")[:MOST])]
        reference = features(fitted, data.cube, data.valid, kept)
        rows, columns = np.divmod(kept, data.cube.shape[1])
        distance = np.maximum(np.abs(rows[:, None] - rows), np.abs(columns[:, None] - columns))
        scene = np.searchsorted([part.top for part in data.parts], rows, side="right")
        distance[scene[:, None] != scene] = ELSEWHERE
        if distance.max() < ELSEWHERE:
            apart = min(apart, _SQUARE)
        other = np.where(distance >= max(1, apart), _squared_distances(reference, reference), np.inf).min(axis=1)
        return cls(reference, max(_SMALLEST, _whisker(np.sqrt(other[np.isfinite(other)]))))

    def dissimilarity(
        self, fitted: Fitted, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """(N,) of `pixels` of a scene, or of the rows of it that the model reads for them; at most 1 in the area."""
        x = features(fitted, cube, valid, pixels)
        strips = (x[start : start + _AT_A_TIME] for start in range(0, len(x), _AT_A_TIME))
        nearest = [_squared_distances(strip, self.reference).min(axis=1) for strip in strips]
        return np.sqrt(np.concatenate(nearest)) / np.float32(self.threshold) if nearest else np.empty(0, np.float32)

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The arrays to save."""
        return {"reference": self.reference, "threshold": np.array([self.threshold], np.float32)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.float32]], fitted: Fitted) -> Self:
        """The inverse of `arrays`. Raises ValueError for what no `fit` of `fitted` leaves."""
        reference, threshold = arrays["reference"], arrays["threshold"]
        if reference.ndim != 2 or not 1 <= len(reference) <= MOST or reference.shape[1] != n_features(fitted):
            raise ValueError(f"a reference of shape {reference.shape} for {n_features(fitted)} features")
        if threshold.shape != (1,) or not threshold[0] > 0:
            raise ValueError("one threshold above 0 is expected")
        return cls(reference, float(threshold[0]))


def n_features(fitted: Fitted) -> int:
    """F of `features`."""
    match fitted:
        case TorchFitted():
            return fitted.projection.n_channels
        case ClassicalFitted():
            return len(fitted.features.scale)
        case EnsembleFitted():
            return sum(map(n_features, fitted.members))
    raise TypeError(f"{fitted.config.family} reads no spectra")


def features(fitted: Fitted, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels) -> Features:
    """(N, F) what `fitted` is fed of each of `pixels`."""
    match fitted:
        case TorchFitted():
            rows, columns = np.divmod(pixels, cube.shape[1])  # a reshape would copy a cube that is mapped
            return fitted.projection(cube[rows, columns])
        case ClassicalFitted():
            return fitted.features(cube, valid, pixels)
        case EnsembleFitted():
            spaces = [features(member, cube, valid, pixels) for member in fitted.members]
            return np.concatenate([space / np.sqrt(np.float32(space.shape[1])) for space in spaces], axis=1)
    raise TypeError(f"{fitted.config.family} reads no spectra")


def _squared_distances(x: Features, reference: Features) -> Features:
    """(N, R), Euclidean."""
    lengths = np.square(x).sum(axis=1)[:, None] + np.square(reference).sum(axis=1)
    return np.clip(lengths - 2 * x @ reference.T, 0, None)


def _whisker(values: npt.NDArray[np.floating]) -> float:
    """The largest value that is no outlier to a box plot; 0 without a value."""
    if not len(values):
        return 0.0
    low, high = np.percentile(values, (25, 75))
    return float(values[values <= high + 1.5 * (high - low)].max())

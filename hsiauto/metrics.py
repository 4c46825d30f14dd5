"""Scores of one confusion matrix, the interval that its size allows, what confidences are worth, and the paired
difference of two methods."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtri, stdtr, stdtrit


@dataclass(frozen=True, eq=False)
class Scores:
    """Agreement of prediction and truth; fractions in [0, 1], NaN throughout if no pixel was scored."""

    confusion: npt.NDArray[np.int64]
    """(K, K) pixels; row = class in truth, column = class predicted."""

    @property
    def oa(self) -> float:
        """Overall accuracy: the share of pixels predicted right."""
        pixels = int(self.confusion.sum())
        return int(np.trace(self.confusion)) / pixels if pixels else float("nan")

    @property
    def aa(self) -> float:
        """Average accuracy: the mean recall over classes present in truth."""
        recalls = self.per_class[~np.isnan(self.per_class)]
        return float(recalls.mean()) if recalls.size else float("nan")

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond that of chance, at most 1, below 0 if worse than chance.

        0 if truth holds one class, whatever is predicted: so says the formula of every prediction but the perfect one,
        where it is 0 / 0, and chance explains that agreement too.
        """
        pixels = int(self.confusion.sum())
        agreed = int(np.trace(self.confusion)) * pixels
        by_chance = int(self.confusion.sum(axis=1) @ self.confusion.sum(axis=0))
        if by_chance == pixels**2:
            return 0.0 if pixels else float("nan")
        return (agreed - by_chance) / (pixels**2 - by_chance)

    @cached_property
    def per_class(self) -> npt.NDArray[np.float64]:
        """(K,) recall; NaN for a class that truth does not hold."""
        in_truth = self.confusion.sum(axis=1)
        right = np.diagonal(self.confusion).astype(np.float64)
        return np.divide(right, in_truth, out=np.full(len(right), np.nan), where=in_truth > 0)


def scores(truth: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer], n_classes: int) -> Scores:
    """Scores of 0-based classes `predicted` (N,) against `truth` (N,). Raises ValueError for a class out of range."""
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(f"truth and prediction must be two vectors of N, received {truth.shape}, {predicted.shape}")
    for name, values in (("truth", truth), ("predicted", predicted)):
        if values.size and not (values.min() >= 0 and values.max() < n_classes):
            raise ValueError(f"{name} must lie in 0..{n_classes - 1}, received {values.min()}..{values.max()}")
    pairs = truth.astype(np.int64) * n_classes + predicted.astype(np.int64)
    return Scores(np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes))


def log_loss(truth: npt.NDArray[np.integer], probabilities_NK: npt.NDArray[np.floating]) -> float:
    """Mean cross-entropy in nats of 0-based classes `truth` (N,); probabilities clipped to float32's resolution."""
    p_N = probabilities_NK[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.clip(p_N, np.finfo(np.float32).eps, 1.0)).mean())


_CALIBRATION_BINS = 15


def calibration_error(right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.floating]) -> float:
    """Expected calibration error: how far `confidence` (N,) is from the share of `right` (N,), mean over pixels.

    In 15 bins of confidence, as Guo et al. (ICML 2017), but of as many pixels each (Nguyen and O'Connor, EMNLP 2015):
    bins of equal width are all but empty where a model is never so unsure, and read noise as error (Roelofs et al.,
    AISTATS 2022). Equal confidences share a bin, so the order of pixels does not matter. NaN without a pixel.
    """
    if not len(right):
        return float("nan")
    edges = np.quantile(confidence, np.arange(1, _CALIBRATION_BINS) / _CALIBRATION_BINS)
    gap = right.astype(np.float64) - confidence
    by_bin = np.bincount(np.searchsorted(edges, confidence, side="right"), weights=gap)
    return min(1.0, float(np.abs(by_bin).sum() / len(right)))  # a mean of probabilities may pass 1 by rounding


class Interval(NamedTuple):
    """A 95 % interval; NaN if there is none."""

    low: float
    high: float


def wilson(share: float, n: float) -> Interval:
    """Wilson's score interval of a `share` of `n` pixels, as of n independent ones. JASA 22 (1927), 209-212.

    Pixels of one field are alike, so that less is known than it says. NaN without a pixel or a share.
    """
    if not n or math.isnan(share):
        return Interval(math.nan, math.nan)
    z2_n = float(ndtri(0.975)) ** 2 / n
    half_width = math.sqrt(z2_n * (share * (1 - share) + z2_n / 4))
    low, high = ((share + z2_n / 2 + side * half_width) / (1 + z2_n) for side in (-1, 1))
    return Interval(max(0.0, min(low, share)), min(1.0, max(high, share)))  # rounding passes them


def clustered(right: npt.NDArray[np.bool_], cluster: npt.NDArray[np.integer]) -> Interval:
    """Wilson's interval of the share of `right` (N,) among pixels that are alike within a `cluster` (N,), its number.

    N is taken for the number of independent pixels whose share varies as much as the clusters say it does, less what so
    few clusters can tell of that (Korn and Graubard, Survey Methodology 24 (1998), 193-201); for one cluster, and
    if all or none are right, for the number of clusters. NaN without a pixel.
    """
    n = len(right)
    if not n:
        return Interval(math.nan, math.nan)
    _, member = np.unique(cluster, return_inverse=True)
    size, hits = np.bincount(member), np.bincount(member, weights=right)
    share, n_clusters = float(right.mean()), len(size)
    if n_clusters == 1 or share in (0.0, 1.0):
        return wilson(share, n_clusters)
    variance = n_clusters / (n_clusters - 1) * float(np.square(hits - share * size).sum()) / n**2
    effective = min(n, share * (1 - share) / max(variance, np.finfo(np.float64).tiny))
    return wilson(share, effective * float(ndtri(0.975) / stdtrit(n_clusters - 1, 0.975)) ** 2)


class McNemar(NamedTuple):
    """Pixels that one of two models alone has right, and the two-sided p of so unequal numbers by chance."""

    first_only: int
    second_only: int
    p: float
    """1 if the models are right on the same pixels."""


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test of two models that have `first` (N,) and `second` (N,) of the same pixels right.

    Psychometrika 12 (1947), 153-157. Pixels are taken for independent: `paired_by_cluster` does not.
    """
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    return McNemar(b, c, min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))))


ROUNDING = 1e-12
"""Differences of fractions of pixels that are closer than this are the same."""


class Paired(NamedTuple):
    """Mean difference a - b over pairs of runs, with its 95 % interval and two-sided p."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def paired(a: Sequence[float], b: Sequence[float]) -> Paired:
    """Student's paired t: run i of `a` against run i of `b` (same split, same seed).

    One pair has a mean, and neither interval nor p (NaN). Nor have differences that are all equal, as of two methods
    that do not depend on the seed: without spread there is nothing to estimate chance from.
    Raises ValueError for no pair or unequal lengths.
    """
    if len(a) != len(b) or len(a) == 0:
        raise ValueError(f"pairs need as many values on both sides, one at least, received {len(a)} and {len(b)}")
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    n, mean = len(difference), float(difference.mean())
    if n == 1 or np.ptp(difference) < ROUNDING:
        return Paired(mean, float("nan"), float("nan"), float("nan"), n)
    return _student(mean, float(difference.std(ddof=1)) / math.sqrt(n), n)


def paired_by_cluster(difference: npt.NDArray[np.floating], cluster: npt.NDArray[np.integer]) -> Paired:
    """The mean `difference` (N,) of two methods over pixels that are alike within a `cluster` (N,), its number.

    Student's t on the clusters' sums, as of a ratio estimate, with clusters - 1 degrees of freedom: of right and wrong
    it is McNemar's test for clustered pairs (Obuchowski, Statistics in Medicine 17 (1998), 1495-1507). `n` counts the
    clusters. No interval and no p for one cluster, nor if the clusters' means are all equal.
    """
    _, member = np.unique(cluster, return_inverse=True)
    size, total = np.bincount(member), np.bincount(member, weights=difference)
    n, mean = len(size), float(difference.mean())
    residual = total - mean * size
    if n == 1 or np.abs(residual).max() < ROUNDING:
        return Paired(mean, float("nan"), float("nan"), float("nan"), n)
    return _student(mean, math.sqrt(n / (n - 1) * float(np.square(residual).sum())) / len(difference), n)


def _student(mean: float, error: float, n: int) -> Paired:
    """With n - 1 degrees of freedom."""
    half_width = float(stdtrit(n - 1, 0.975)) * error
    p = 2.0 * float(stdtr(n - 1, -abs(mean) / error))  # scipy.stats has the same in half a second of import
    return Paired(mean, mean - half_width, mean + half_width, p, n)

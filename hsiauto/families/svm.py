"""`svm`: a support vector machine with a radial basis function kernel, on standardised spectra or multi-scale features.

Probabilities. `SVC(probability=True)` fits five further machines on random folds, so it is not used. Each pairwise
decision value f_ij becomes r_ij = sigmoid(SLOPE * f_ij), and the pairs are coupled in closed form,

    p_i  ~  1 / (sum_{j != i} 1 / r_ij - (K - 2))        (Price et al., NIPS 1994)

which costs nothing beyond the decision values. Coupling and voting may disagree on a pixel between classes; there the
two probabilities change places, so that the argmax is always the class that `SVC.predict` gives.

Departure from the usual: training takes at most `max_train` pixels, because its time grows with their square.
"""

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.svm import SVC

from hsiauto.families.base import ClassicalConfig, Estimator
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.split.budget import rank_in_class

SLOPE = 4.0
"""Slope of the sigmoid on decision values, whose margin is 1. Of 2, 3, 4, 6 and 10 the best calibrated on Indian Pines
(8-bit, random 10 %): mean confidence 0.86 at an accuracy of 0.82 on spectra, 0.81 at 0.98 on multi-scale features."""


class SvmConfig(ClassicalConfig):
    """RBF support vector machine, one against one."""

    family: Literal["svm"] = "svm"
    source: ClassVar[str] = "Cortes and Vapnik 1995; Melgani and Bruzzone 2004 for hyperspectral images"
    presets: ClassVar = {"paper": {}, "multiscale": {"features": "multiscale", "reduction": "mnf", "C": 10.0}}

    C: float = hyperparameter(100.0, "penalty of a training pixel inside the margin", source="libsvm", gt=0, le=1e6)
    gamma: float = hyperparameter(
        1.0,
        "kernel exp(-g |a - b|^2), g as a multiple of 1 / (features x their variance)",
        source="scikit-learn's `scale` is 1",
        gt=0,
        le=1e3,
    )
    class_weighting: Literal["none", "balanced"] = hyperparameter(
        "none", "weights of C: balanced = inverse class frequency", source="scikit-learn's formula"
    )
    max_train: int = hyperparameter(
        10_000,
        "most training pixels; beyond it a stratified random subset, drawn from the seed",
        source="hsiauto: training time grows with the square",
        unit="pixels",
        ge=2,
        le=1_000_000,
    )

    def fit(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], seed: int, n_jobs: int) -> Estimator:
        """(N, F) features and 0-based labels -> SVC. libsvm runs on one thread, whatever `n_jobs` is."""
        kept = stratified_subset(y, self.max_train, seed)
        x, y = x[kept], y[kept]
        machine = SVC(
            C=self.C,
            gamma=self.gamma / (x.shape[1] * max(float(x.var(dtype=np.float64)), 1e-12)),
            class_weight=None if self.class_weighting == "none" else "balanced",
            decision_function_shape="ovo",
        )
        fitted: Estimator = machine.fit(x, y)
        return fitted

    def probabilities(self, estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(N, F) -> (N, classes of the estimator); see the module's text."""
        decisions = estimator.decision_function(x)
        n_classes = len(estimator.classes_)
        if n_classes == 2:
            decisions = -decisions[:, None]  # scikit-learn turns the sign of the only pair
        return couple(decisions, n_classes)

    def why_foreign(self, estimator: Any, n_features: int) -> str:
        """libsvm reads these arrays by sizes that it takes from one another."""
        if type(estimator) is not SVC:
            return f"{type(estimator).__name__} where svm trains SVC"
        held, n_classes = vars(estimator), len(estimator.classes_)
        n_pairs, n_vectors = n_classes * (n_classes - 1) // 2, len(held["support_vectors_"])
        plain = {"kernel": "rbf", "_sparse": False, "decision_function_shape": "ovo", "break_ties": False}
        plain |= {"_effective_probability": False, "degree": 3, "coef0": 0.0, "cache_size": 200}
        for name, value in plain.items():
            if type(held[name]) is not type(value) or held[name] != value:
                return f"another {name}"
        shapes = {
            "support_": (np.int32, (n_vectors,)),
            "support_vectors_": (np.float64, (n_vectors, n_features)),
            "_n_support": (np.int32, (n_classes,)),
            "_dual_coef_": (np.float64, (n_classes - 1, n_vectors)),
            "_intercept_": (np.float64, (n_pairs,)),
            "_probA": (np.float64, (0,)),
            "_probB": (np.float64, (0,)),
        }
        for name, (dtype, shape) in shapes.items():
            if type(held[name]) is not np.ndarray or held[name].dtype != dtype or held[name].shape != shape:
                return f"a shape of {name} that does not fit"
        counts = held["_n_support"]
        if n_classes < 2 or (counts < 0).any() or int(counts.sum(dtype=np.int64)) != n_vectors:
            return "another number of support vectors than it says"
        return "" if type(held["_gamma"]) is float and 0 < held["_gamma"] < np.inf else "a gamma that is no width"


def stratified_subset(y: npt.NDArray[np.int64], size: int, seed: int) -> npt.NDArray[np.int64]:
    """Sorted positions of at most `size` labels, each class in proportion but never without a pixel.

    With more classes than `size` one pixel of each class is kept.
    """
    if len(y) <= size:
        return np.arange(len(y))
    rank = rank_in_class(y, np.random.default_rng(seed).permutation(len(y)))
    count = np.bincount(y)
    # (rank + 1/2) / count spreads each class evenly over (0, 1): the smallest values are a proportional sample.
    key = np.where(rank == 0, -1.0, (rank + 0.5) / count[y])
    return np.sort(np.lexsort((y, key))[: max(size, np.count_nonzero(count))])


def couple(decisions_NP: npt.NDArray[np.float64], n_classes: int) -> npt.NDArray[np.float64]:
    """Pairwise decision values (N, K (K - 1) / 2), > 0 for the first of the pair, -> probabilities (N, K)."""
    first, second = np.triu_indices(n_classes, k=1)
    n = len(decisions_NP)
    inverse_sum = np.zeros((n, n_classes))
    votes = np.zeros((n, n_classes))
    odds_against = np.exp(np.clip(-SLOPE * decisions_NP, -30, 30))  # 1 / r - 1
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        inverse_sum[:, i] += odds_against[:, pair]
        inverse_sum[:, j] += 1 / odds_against[:, pair]
        wins = decisions_NP[:, pair] > 0
        votes[:, i] += wins
        votes[:, j] += ~wins
    p = 1 / (1 + inverse_sum)  # sum of 1 / r_ij over the K - 1 pairs, less K - 2
    p /= p.sum(axis=1, keepdims=True)
    rows, voted, coupled = np.arange(n), votes.argmax(axis=1), p.argmax(axis=1)
    p[rows, voted], p[rows, coupled] = p[rows, coupled], p[rows, voted]
    return p

"""`boosting`: gradient boosting of histogram trees, on standardised spectra or multi-scale features."""

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from hsiauto.families.base import ClassicalConfig, Estimator
from hsiauto.families.hyperparameters import hyperparameter


class BoostingConfig(ClassicalConfig):
    """One small tree a class and round, each fitted to what the trees before it leave."""

    family: Literal["boosting"] = "boosting"
    source: ClassVar[str] = "Friedman 2001; histograms: Ke et al. 2017 (LightGBM), scikit-learn's own form"
    presets: ClassVar = {"paper": {}, "multiscale": {"features": "multiscale"}}

    rounds: int = hyperparameter(100, "boosting rounds, each of one tree a class", source="scikit-learn", ge=1, le=2000)
    learning_rate: float = hyperparameter(
        0.1, "share of a tree's answer that is added", source="scikit-learn", gt=0, le=1
    )
    max_leaves: int = hyperparameter(31, "most leaves of a tree", source="scikit-learn", ge=2, le=255)
    min_samples_leaf: int = hyperparameter(
        20, "fewest training pixels in a leaf", source="scikit-learn", unit="pixels", ge=1, le=1000
    )
    max_features: float = hyperparameter(
        0.3, "share of the features tried at each split", source="hsiauto: neighbouring bands say the same", gt=0, le=1
    )
    l2: float = hyperparameter(
        1.0,
        "penalty on the squares of the leaves' answers; near 0 rare classes run away (measured: OA 0.57 -> 0.13)",
        source="hsiauto: scikit-learn has 0",
        ge=1e-3,
        le=1e3,
    )
    class_weighting: Literal["none", "balanced"] = hyperparameter(
        "none", "weights of the pixels: balanced = inverse class frequency", source="scikit-learn's formula"
    )

    def fit(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], seed: int, n_jobs: int) -> Estimator:
        """(N, F) features and 0-based labels -> HistGradientBoostingClassifier, on OpenMP's threads."""
        fitted: Estimator = HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaves,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            l2_regularization=self.l2,
            class_weight=None if self.class_weighting == "none" else "balanced",
            early_stopping=False,  # it would cut validation pixels out of the training pixels
            categorical_features=None,
            random_state=seed,
        ).fit(x, y)
        return fitted

    def probabilities(self, estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(N, F) -> (N, classes of the estimator)."""
        p: npt.NDArray[np.float64] = estimator.predict_proba(x)
        return p

    def why_foreign(self, estimator: Any, n_features: int) -> str:
        """A compiled walk follows the indices of its nodes."""
        if type(estimator) is not HistGradientBoostingClassifier:
            return f"{type(estimator).__name__} where boosting trains HistGradientBoostingClassifier"
        n_classes = len(estimator.classes_)
        n_trees = 1 if n_classes == 2 else n_classes
        loss, rounds = estimator._loss, estimator._predictors
        if type(loss) is not (HalfBinomialLoss if n_classes == 2 else HalfMultinomialLoss):
            return "the loss of another task"
        if loss.n_classes != n_classes or estimator.n_trees_per_iteration_ != n_trees:
            return "other classes than it says"
        if np.shape(estimator._baseline_prediction) != (1, n_trees):
            return "a baseline for other classes"
        if estimator._preprocessor is not None or estimator.is_categorical_ is not None:
            return "features that are categories"
        if type(rounds) is not list or not rounds or any(type(r) is not list or len(r) != n_trees for r in rounds):
            return "rounds with other trees than one a class"
        return next((why for trees in rounds for tree in trees if (why := why_broken(tree, n_features))), "")


def why_broken(tree: Any, n_features: int) -> str:
    """Why a prediction cannot walk this tree; empty: it can. Children come after their parent, so it ends."""
    nodes = tree.nodes if type(tree) is TreePredictor else None
    if type(nodes) is not np.ndarray or nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1 or not len(nodes):
        return "a tree without nodes"
    inner = nodes[nodes["is_leaf"] == 0]
    place = np.flatnonzero(nodes["is_leaf"] == 0)
    for child in (inner["left"].astype(np.int64), inner["right"].astype(np.int64)):
        if (child <= place).any() or (child >= len(nodes)).any():
            return "a tree whose branches lead nowhere"
    if ((inner["feature_idx"] < 0) | (inner["feature_idx"] >= n_features)).any() or nodes["is_categorical"].any():
        return "a tree that asks for other features"
    finite = np.isfinite(nodes["value"]).all() and not np.isnan(nodes["num_threshold"]).any()
    return "" if finite else "a tree with NaN or infinite numbers"

"""`forest`: extremely randomised trees, or a random forest, on standardised spectra or multi-scale features.

The paper preset, 500 extra-trees on principal components smoothed at several widths, is what a network has to beat: it
takes seconds and reaches the accuracy of most published networks on random splits.
"""

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from hsiauto.families.base import ClassicalConfig, Estimator
from hsiauto.families.hyperparameters import hyperparameter


class ForestConfig(ClassicalConfig):
    """An ensemble of decision trees, each grown until its leaves are pure or `min_samples_leaf` small."""

    family: Literal["forest"] = "forest"
    source: ClassVar[str] = "Geurts et al. 2006 (extra-trees); Breiman 2001 (random forest)"
    presets: ClassVar = {"paper": {"features": "multiscale"}, "spectra": {}}

    trees: Literal["extra", "random"] = hyperparameter(
        "extra",
        "extra-trees (random thresholds, all pixels) or random forest (best thresholds, bootstrap)",
        source="scikit-learn",
    )
    n_trees: int = hyperparameter(500, "trees", source="hsiauto", ge=1, le=5000)
    max_features: float = hyperparameter(
        0.1, "share of the features tried at each split", source="hsiauto: near the square root of 120", gt=0, le=1
    )
    min_samples_leaf: int = hyperparameter(
        1, "fewest training pixels in a leaf", source="scikit-learn", unit="pixels", ge=1, le=100
    )
    class_weighting: Literal["none", "balanced"] = hyperparameter(
        "none", "weights of the pixels: balanced = inverse class frequency", source="scikit-learn's formula"
    )

    def fit(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], seed: int, n_jobs: int) -> Estimator:
        """(N, F) features and 0-based labels -> the forest. The same for every `n_jobs`."""
        ensemble = ExtraTreesClassifier if self.trees == "extra" else RandomForestClassifier
        forest = ensemble(
            n_estimators=self.n_trees,
            max_features=self.max_features,
            min_samples_leaf=self.min_samples_leaf,
            class_weight=None if self.class_weighting == "none" else "balanced",
            random_state=seed,
            n_jobs=n_jobs,
        ).fit(x, y)
        # Threads add up the trees' votes in the order in which they finish, which moves the last bits.
        fitted: Estimator = forest.set_params(n_jobs=1)
        return fitted

    def probabilities(self, estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(N, F) -> (N, classes of the estimator): mean class share of the leaves."""
        p: npt.NDArray[np.float64] = estimator.predict_proba(x)
        return p

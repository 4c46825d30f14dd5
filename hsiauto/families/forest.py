"""`forest`: extremely randomised trees, or a random forest, on standardised spectra or multi-scale features.

The paper preset, 500 extra-trees on principal components smoothed at several widths, is what a network has to beat: it
takes seconds and reaches the accuracy of most published networks on random splits.
"""

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.tree._tree import Tree

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

    def why_foreign(self, estimator: Any, n_features: int) -> str:
        """A compiled tree follows its own indices."""
        forest, tree = _TYPES[self.trees]
        if type(estimator) is not forest:
            return f"{type(estimator).__name__} where this forest trains {forest.__name__}"
        n_classes, members = len(estimator.classes_), estimator.estimators_
        if type(members) is not list or len(members) != self.n_trees or {type(one) for one in members} != {tree}:
            return f"other members than {self.n_trees} times {tree.__name__}"
        if estimator.n_jobs != 1 or estimator.verbose != 0:
            return "settings of another forest"
        for one in (estimator, *members):
            sizes = (one.n_classes_, one.n_outputs_, one.n_features_in_)
            if not all(isinstance(size, int | np.integer) for size in sizes) or sizes != (n_classes, 1, n_features):
                return "a tree for other features or classes"
        return next((why for one in members if (why := why_broken(one.tree_, n_features, n_classes))), "")


_TYPES: dict[str, tuple[type[Any], type[Any]]] = {
    "extra": (ExtraTreesClassifier, ExtraTreeClassifier),
    "random": (RandomForestClassifier, DecisionTreeClassifier),
}


def why_broken(tree: Any, n_features: int, n_classes: int) -> str:
    """Why a prediction cannot walk this compiled tree; empty: it can. Children come after their parent, so it ends."""
    if type(tree) is not Tree or tree.n_features != n_features or tree.n_outputs != 1:
        return "a tree for other features"
    n_nodes = tree.node_count
    if not 1 <= n_nodes <= tree.capacity or tree.max_n_classes != n_classes:
        return "a tree without nodes, or for other classes"
    left, right, inner = tree.children_left, tree.children_right, tree.children_left != -1
    place = np.arange(n_nodes)[inner]
    for child in (left[inner], right[inner]):
        if (child <= place).any() or (child >= n_nodes).any():
            return "a tree whose branches lead nowhere"
    if (right[~inner] != -1).any() or ((tree.feature[inner] < 0) | (tree.feature[inner] >= n_features)).any():
        return "a tree that asks for other features"
    if not (np.isfinite(tree.threshold).all() and np.isfinite(tree.value).all()):
        return "a tree with NaN or infinite numbers"
    return ""

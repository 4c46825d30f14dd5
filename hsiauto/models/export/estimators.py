"""scikit-learn's classifiers as torch modules: features (N, F) -> probabilities (N, K) of the classes that they saw.

Written anew rather than by skl2onnx: it has no coupling of a support vector machine's pairs, its trees of 1.20 fail on
scikit-learn 1.9's boosting, and a forest of 500 trees takes it 10 s and twice the bytes. These serve both formats and
need nothing beyond ONNX's own operators. Sums are in double precision, as scikit-learn's are.

| symbol | meaning |
|---|---|
| N, F, K | pixels, features, classes |
| Q | pairs of classes, K (K - 1) / 2 |
| V | support vectors |
| T, M | trees, nodes of all trees |
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from torch import Tensor, nn

from hsiauto.families.svm import SLOPE

Array = npt.NDArray[Any]


class Affine(nn.Module):
    """`hsiauto.families.parts.affine`: the softmax of class scores."""

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        coefficients_KF, intercepts_K = estimator.coef_, estimator.intercept_
        if len(estimator.classes_) == 2:  # scikit-learn keeps the second class's alone
            coefficients_KF, intercepts_K = np.pad(coefficients_KF, ((1, 0), (0, 0))), np.pad(intercepts_K, (1, 0))
        self.coefficients_KF = nn.Buffer(torch.tensor(coefficients_KF, dtype=torch.float64))
        self.intercepts_K = nn.Buffer(torch.tensor(intercepts_K, dtype=torch.float64))

    def forward(self, x_NF: Tensor) -> Tensor:
        return (x_NF.double() @ self.coefficients_KF.T + self.intercepts_K).softmax(1)


class KernelMachine(nn.Module):
    """`hsiauto.families.svm`: pairwise decisions, coupled; the class with most votes is the likeliest."""

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        n_classes = len(estimator.classes_)
        first, second = np.triu_indices(n_classes, k=1)
        of_V = np.repeat(np.arange(n_classes), estimator._n_support)
        coefficients_VQ = np.zeros((len(of_V), len(first)))
        for pair, (i, j) in enumerate(zip(first, second, strict=True)):  # row j - 1 of i's vectors, row i of j's
            coefficients_VQ[of_V == i, pair] = estimator._dual_coef_[j - 1, of_V == i]
            coefficients_VQ[of_V == j, pair] = estimator._dual_coef_[i, of_V == j]
        self.gamma = float(estimator._gamma)
        self.vectors_VF = nn.Buffer(torch.tensor(estimator.support_vectors_))
        self.coefficients_VQ = nn.Buffer(torch.tensor(coefficients_VQ))
        self.intercepts_Q = nn.Buffer(torch.tensor(estimator._intercept_))
        self.first_QK = nn.Buffer(torch.tensor(np.eye(n_classes)[first]))
        self.second_QK = nn.Buffer(torch.tensor(np.eye(n_classes)[second]))

    def forward(self, x_NF: Tensor) -> Tensor:
        x_NF = x_NF.double()
        square_N1, square_V = x_NF.square().sum(1, keepdim=True), self.vectors_VF.square().sum(1)
        distance_NV = (square_N1 + square_V - 2 * (x_NF @ self.vectors_VF.T)).clamp(min=0)
        decision_NQ = (-self.gamma * distance_NV).exp() @ self.coefficients_VQ + self.intercepts_Q
        odds_NQ = (-SLOPE * decision_NQ).clamp(-30, 30).exp()
        p_NK = 1 / (1 + odds_NQ @ self.first_QK + odds_NQ.reciprocal() @ self.second_QK)
        p_NK = p_NK / p_NK.sum(1, keepdim=True)
        wins_NQ = (decision_NQ > 0).double()
        votes_NK = wins_NQ @ self.first_QK + (1 - wins_NQ) @ self.second_QK
        places_N2 = torch.stack([votes_NK.argmax(1), p_NK.argmax(1)], dim=1)
        return p_NK.scatter(1, places_N2, p_NK.gather(1, places_N2.flip(1)))


class Nodes(NamedTuple):
    """One tree."""

    branches: Array
    """(nodes, 2): where a value up to the threshold leads, and one above it; a leaf leads to itself."""
    feature: Array
    threshold: Array
    value: Array
    """(nodes, values of a leaf)."""


class Trees(nn.Module):
    """All trees walked at once, a level a step. (N, F) -> (N, T, values of a leaf)."""

    def __init__(self, trees: Sequence[Nodes]) -> None:
        super().__init__()
        roots_T = np.cumsum([0, *(len(tree.feature) for tree in trees[:-1])])
        branches_M2 = np.concatenate([tree.branches + root for tree, root in zip(trees, roots_T, strict=True)])
        self.depth = _depth(branches_M2, roots_T)
        self.roots_T = nn.Buffer(torch.tensor(roots_T))
        self.branches_M2 = nn.Buffer(torch.tensor(branches_M2, dtype=torch.int32))
        feature_M = np.concatenate([tree.feature for tree in trees])
        self.feature_M = nn.Buffer(torch.tensor(feature_M, dtype=torch.int32))
        self.threshold_M = nn.Buffer(torch.tensor(np.concatenate([tree.threshold for tree in trees])))
        value_MK = np.concatenate([tree.value for tree in trees])
        self.value_MK = nn.Buffer(torch.tensor(value_MK, dtype=torch.float32))  # half of the file

    def forward(self, x_NF: Tensor) -> Tensor:
        node_NT = self.roots_T.expand(x_NF.shape[0], -1)
        for _ in range(self.depth):
            value_NT = x_NF.gather(1, self.feature_M[node_NT].long()).double()
            right_NT = (value_NT > self.threshold_M[node_NT]).long()
            node_NT = self.branches_M2.flatten()[2 * node_NT + right_NT].long()
        return self.value_MK[node_NT].double()


class Forest(nn.Module):
    """`hsiauto.families.forest`: the mean over trees of the class shares in their leaves."""

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.trees = Trees([_of_forest(member.tree_) for member in estimator.estimators_])

    def forward(self, x_NF: Tensor) -> Tensor:
        return self.trees(x_NF).mean(1)


class Boosting(nn.Module):
    """`hsiauto.families.boosting`: the softmax of sums over rounds, of one tree a class."""

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        rounds = estimator._predictors
        self.n_scores = len(rounds[0])
        self.trees = Trees([_of_boosting(tree.nodes) for trees in rounds for tree in trees])
        self.baseline_K = nn.Buffer(torch.tensor(estimator._baseline_prediction[0], dtype=torch.float64))

    def forward(self, x_NF: Tensor) -> Tensor:
        score_NK = self.trees(x_NF).unflatten(1, (-1, self.n_scores)).sum(1)[..., 0] + self.baseline_K
        if self.n_scores == 1:
            score_NK = torch.cat([torch.zeros_like(score_NK), score_NK], dim=1)
        return score_NK.softmax(1)


TWINS: dict[type[Any], type[nn.Module]] = {
    LinearDiscriminantAnalysis: Affine,
    LogisticRegression: Affine,
    SVC: KernelMachine,
    ExtraTreesClassifier: Forest,
    RandomForestClassifier: Forest,
    HistGradientBoostingClassifier: Boosting,
}
"""scikit-learn's type -> the module that is built from an estimator of it."""


def _of_forest(tree: Any) -> Nodes:
    leaf = tree.children_left == -1
    branches = _branches(leaf, tree.children_left, tree.children_right)
    return Nodes(branches, np.where(leaf, 0, tree.feature), tree.threshold, tree.value[:, 0])


def _of_boosting(nodes: Array) -> Nodes:
    leaf = nodes["is_leaf"] == 1
    branches = _branches(leaf, nodes["left"], nodes["right"])
    return Nodes(branches, np.where(leaf, 0, nodes["feature_idx"]), nodes["num_threshold"], nodes["value"][:, None])


def _branches(leaf: Array, left: Array, right: Array) -> Array:
    own = np.arange(len(leaf))
    return np.stack([np.where(leaf, own, left), np.where(leaf, own, right)], axis=1)


def _depth(branches_M2: Array, roots: Array) -> int:
    """Levels below the roots."""
    level, depth = roots, 0
    while len(level := (below := branches_M2[level])[below[:, 0] != level].ravel()):
        depth += 1
    return depth

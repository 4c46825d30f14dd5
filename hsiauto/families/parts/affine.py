"""What the linear classifiers share: class scores that are an affine map of the features.

Shapes: N pixels, F features, K classes; scikit-learn keeps one row of coefficients for two classes, K rows for more.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax


def probabilities(estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(N, F) -> (N, K): the softmax of the scores, for two classes their logistic function.

    Summed without BLAS, whose last bits depend on how many pixels are asked for at once.
    """
    scores = np.einsum("nf,kf->nk", x, estimator.coef_, dtype=np.float64) + estimator.intercept_
    if len(estimator.classes_) == 2:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    p: npt.NDArray[np.float64] = softmax(scores, axis=1)
    return p


def why_foreign(estimator: Any, trained: type[Any], n_features: int) -> str:
    """Why `probabilities` cannot follow `estimator`, of which the family trains the type `trained`; empty: it can."""
    if type(estimator) is not trained:
        return f"{type(estimator).__name__} where {trained.__name__} is trained"
    if not all(isinstance(part, np.ndarray) for part in (estimator.coef_, estimator.intercept_)):
        return "coefficients that are no arrays"
    n_classes = len(estimator.classes_)
    rows = 1 if n_classes == 2 else n_classes
    fits = np.shape(estimator.coef_) == (rows, n_features) and np.shape(estimator.intercept_) == (rows,)
    return "" if n_classes >= 2 and fits else "coefficients that do not fit"

"""`logistic`: multinomial logistic regression on standardised spectra or multi-scale features."""

from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from hsiauto.families.base import ClassicalConfig, Estimator
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.parts import affine

MOST_ITERATIONS = 2000
"""L-BFGS has converged long before, unless C is near its upper end; scikit-learn then warns."""


class LogisticConfig(ClassicalConfig):
    """Softmax of an affine map, with a penalty on the squares of its coefficients."""

    family: Literal["logistic"] = "logistic"
    source: ClassVar[str] = "Boehning, Ann. Inst. Stat. Math. 44, 1992 (multinomial); scikit-learn"
    presets: ClassVar = {"paper": {}, "multiscale": {"features": "multiscale", "reduction": "mnf"}}

    C: float = hyperparameter(1.0, "weight of the likelihood against the penalty", source="scikit-learn", gt=0, le=1e4)
    class_weighting: Literal["none", "balanced"] = hyperparameter(
        "none", "weights of the pixels: balanced = inverse class frequency", source="scikit-learn's formula"
    )

    def fit(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], seed: int, n_jobs: int) -> Estimator:
        """(N, F) features and 0-based labels -> LogisticRegression. Neither `seed` nor `n_jobs` matters."""
        fitted: Estimator = LogisticRegression(
            C=self.C,
            class_weight=None if self.class_weighting == "none" else "balanced",
            max_iter=MOST_ITERATIONS,
        ).fit(x.astype(np.float64), y)
        return fitted

    def probabilities(self, estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return affine.probabilities(estimator, x)

    def why_foreign(self, estimator: Any, n_features: int) -> str:
        return affine.why_foreign(estimator, LogisticRegression, n_features)

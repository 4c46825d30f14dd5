"""`lda`: linear discriminant analysis whose covariance is shrunk, on standardised spectra or multi-scale features.

One affine map a class, fitted in a fraction of a second. It has no window unless its features have one, and keeps more
of its accuracy far from the training pixels than what leans on neighbourhoods.
"""

import warnings
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hsiauto.families.base import ClassicalConfig, Estimator
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.parts import affine


class LdaConfig(ClassicalConfig):
    """Gaussian classes of one covariance, which is shrunk towards a diagonal one."""

    family: Literal["lda"] = "lda"
    source: ClassVar[str] = "Fisher 1936; shrinkage: Ledoit and Wolf, J. Multivariate Analysis 88, 2004"
    presets: ClassVar = {"paper": {}, "multiscale": {"features": "multiscale", "reduction": "mnf"}}

    shrinkage: Literal["ledoit_wolf", "fixed"] = hyperparameter(
        "ledoit_wolf",
        "how far the covariance is drawn to a diagonal one: by Ledoit and Wolf's formula, or as far as asked",
        source="Ledoit and Wolf 2004",
    )
    shrinkage_share: float = hyperparameter(
        0.1,
        "share of the diagonal covariance in the mixture",
        source="hsiauto",
        ge=0,
        le=1,
        when={"shrinkage": "fixed"},
    )
    class_weighting: Literal["none", "balanced"] = hyperparameter(
        "none", "priors of the classes: their shares of the training pixels, or balanced = equal ones", source="hsiauto"
    )

    def fit(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], seed: int, n_jobs: int) -> Estimator:
        """(N, F) features and 0-based labels -> LinearDiscriminantAnalysis. Neither `seed` nor `n_jobs` matters."""
        n_classes = len(np.unique(y))
        discriminant = LinearDiscriminantAnalysis(
            solver="lsqr",
            shrinkage="auto" if self.shrinkage == "ledoit_wolf" else self.shrinkage_share,
            priors=None if self.class_weighting == "none" else np.full(n_classes, 1 / n_classes),
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Only one sample available")  # of a class: it has no covariance
            fitted: Estimator = discriminant.fit(x.astype(np.float64), y)
        return fitted

    def probabilities(self, estimator: Any, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return affine.probabilities(estimator, x)

    def why_foreign(self, estimator: Any, n_features: int) -> str:
        return affine.why_foreign(estimator, LinearDiscriminantAnalysis, n_features)

"""ClassicalFitted: a scikit-learn model with the features that it was trained on."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import ClassicalConfig, Estimator
from hsiauto.models.features import Features
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import guide_for, smooth
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData

PIXELS_AT_A_TIME = 1 << 14


@dataclass(frozen=True)
class ClassicalFitted:
    """A trained classical family. See `Fitted`."""

    config: ClassicalConfig
    features: Features
    estimator: Estimator
    n_bands: int
    n_classes: int
    guide: Projection | None = None
    """The guide of `hsiauto.models.smoothing`, if the config asks for the guided filter."""

    @property
    def support(self) -> int:
        return self.config.support

    def probabilities(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """Class probabilities (N, n_classes) at `pixels`; 0 for a class without a training pixel."""
        return smooth(self.config, self.guide, partial(self._of_estimator, cube, valid), cube, valid, pixels)

    def _of_estimator(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        out = np.zeros((len(pixels), self.n_classes), np.float32)
        for start in range(0, len(pixels), PIXELS_AT_A_TIME):
            some = pixels[start : start + PIXELS_AT_A_TIME]
            p = self.config.probabilities(self.estimator, self.features(cube, valid, some))
            out[start : start + len(some), self.estimator.classes_] = p
        return out


def fit_classical(config: ClassicalConfig, data: TrialData, seed: int, n_jobs: int = 1) -> ClassicalFitted:
    """Train `config` on the training pixels of `data`. The same for every `n_jobs`."""
    pixels, seen = data.pixels_of("training"), data.pixels_of(config.fitted_on)
    features, x = Features.fit(config, data.cube, data.valid, pixels, seen)
    if data.pool is not None:
        x = x[np.searchsorted(pixels, data.train_pixels)]
    estimator = config.fit(x, data.train_labels, seed, n_jobs)
    guide = guide_for(config, data.cube, seen)
    return ClassicalFitted(config, features, estimator, data.cube.shape[2], data.n_classes, guide)

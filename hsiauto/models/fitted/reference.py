"""ReferenceFitted: a reference behind the method of every trained model."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.families.references import Classifier, Coordinate1NNConfig, Coordinates, MajorityConfig
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData


@dataclass(frozen=True)
class ReferenceFitted:
    """Reads positions only; meaningful on the grid that it was fitted on."""

    config: Coordinate1NNConfig | MajorityConfig
    n_bands: int
    n_classes: int
    classifier: Classifier

    @property
    def support(self) -> int:
        return self.config.support

    def probabilities(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """(N, n_classes) at `pixels`; 0 for a class without a training pixel. `cube` (H, W, C) lends its width."""
        result = np.zeros((len(pixels), self.n_classes), dtype=np.float32)
        if len(pixels):
            result[:, self.classifier.classes_] = self.classifier.predict_proba(_coordinates(pixels, cube.shape[1]))
        return result


def fit_reference(config: Coordinate1NNConfig | MajorityConfig, data: TrialData) -> ReferenceFitted:
    """Fit on the training pixels of `data`, validation left aside."""
    classifier = config.fit(_coordinates(data.train_pixels, data.cube.shape[1]), data.train_labels)
    return ReferenceFitted(config, n_bands=data.cube.shape[2], n_classes=data.n_classes, classifier=classifier)


def _coordinates(pixels: Pixels, width: int) -> Coordinates:
    return np.stack(np.divmod(pixels, width), axis=1).astype(np.float64)

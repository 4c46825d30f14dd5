"""ReferenceFitted: a reference behind the method of every trained model."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.families.references import Classifier, Coordinate1NNConfig, Coordinates, MajorityConfig
from hsiauto.scene.model import Part
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData


@dataclass(frozen=True)
class ReferenceFitted:
    """Reads positions only; meaningful on the grid that it was fitted on."""

    config: Coordinate1NNConfig | MajorityConfig
    n_bands: int
    n_classes: int
    classifier: Classifier
    parts: tuple[Part, ...] = ()
    """The scenes of a mosaic, each of which has its own first row."""

    @property
    def support(self) -> int:
        return self.config.support

    def probabilities(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """(N, n_classes) at `pixels`; 0 for a class without a training pixel. `cube` (H, W, C) lends its width."""
        result = np.zeros((len(pixels), self.n_classes), dtype=np.float32)
        if len(pixels):
            result[:, self.classifier.classes_] = self.classifier.predict_proba(
                _coordinates(pixels, cube.shape[1], self.parts)
            )
        return result


def fit_reference(config: Coordinate1NNConfig | MajorityConfig, data: TrialData) -> ReferenceFitted:
    """Fit on the training pixels of `data`, validation left aside."""
    places = _coordinates(data.train_pixels, data.cube.shape[1], data.parts)
    classifier = config.fit(places, data.train_labels)
    return ReferenceFitted(config, data.cube.shape[2], data.n_classes, classifier, data.parts)


def _coordinates(pixels: Pixels, width: int, parts: tuple[Part, ...]) -> Coordinates:
    """(N, 2) row and column, of a mosaic within the scene: two dates of one ground have the same."""
    rows, columns = np.divmod(pixels, width)
    if parts:
        tops = np.array([part.top for part in parts])
        rows = rows - tops[np.searchsorted(tops, rows, side="right") - 1]
    return np.stack((rows, columns), axis=1).astype(np.float64)

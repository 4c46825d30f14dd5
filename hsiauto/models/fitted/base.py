"""Fitted: a trained model, whatever its kind."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import FamilyConfig, ReferenceConfig
from hsiauto.models.surroundings import by_boxes
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData


class Fitted(Protocol):
    """A trained model. Carries its preprocessing, so it takes raw cubes."""

    @property
    def config(self) -> FamilyConfig: ...

    @property
    def n_bands(self) -> int:
        """Bands of the cube it was trained on."""
        ...

    @property
    def n_classes(self) -> int: ...

    @property
    def support(self) -> int:
        """Radius in pixels of the input that one prediction reads."""
        ...

    def probabilities(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """Class probabilities (N, n_classes) at `pixels` (flat indices into the (H, W) grid of `cube` (H, W, C)).

        `cube` is a whole scene, or the rows of it that `config.rows_read` names for the rows of `pixels`.
        """
        ...


def shown(config: FamilyConfig, data: TrialData) -> npt.NDArray[np.bool_]:
    """(H, W) pixels that a model may read when pixels of `data` are scored: those with data, of a tile family, or an
    ensemble with one, without the training pixels: else the tile around a test pixel would hold what the model was
    fitted on. Other families keep away from them by the buffer."""
    tiles = any(part.input == "tile" for part in config.parts)
    return data.outside_training if tiles else data.valid


def scored(fitted: Fitted, data: TrialData, pixels: Pixels) -> npt.NDArray[np.float32]:
    """Class probabilities (N, n_classes) at `pixels` of the scene that `fitted` was trained on, for a score."""
    may_read = shown(fitted.config, data)
    if isinstance(fitted.config, ReferenceConfig):
        return fitted.probabilities(data.cube, may_read, pixels)
    return by_boxes(
        fitted.config,
        data.cube,
        may_read,
        pixels,
        lambda cube, valid, places, _: fitted.probabilities(cube, valid, places),
    )

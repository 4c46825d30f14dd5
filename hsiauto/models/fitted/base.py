"""Fitted: a trained model, whatever its kind."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import FamilyConfig
from hsiauto.split.model import Pixels


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

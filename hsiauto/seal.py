"""The seal: what a trial may see, and the test labels, which only a refit may read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.split.model import Pixels


@dataclass(frozen=True)
class TrialData:
    """All that a trial is given. Classes are 0-based here, in the order of `Split.classes`. No test pixel or label."""

    cube: npt.NDArray[np.generic]
    """(H, W, C) as in the scene."""
    valid: npt.NDArray[np.bool_]
    """(H, W)."""
    n_classes: int
    train_pixels: Pixels
    train_labels: npt.NDArray[np.int64]
    val_pixels: Pixels
    """Empty in a refit."""
    val_labels: npt.NDArray[np.int64]
    transductive: bool = False
    """Tile families only: see unlabelled pixels of the tile too, test pixels among them."""

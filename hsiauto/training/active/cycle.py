"""Cycle: what one training of an active run leaves."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.split.model import Pixels
from hsiauto.training.trial import Report


@dataclass(frozen=True)
class Cycle:
    """One training on the labels asked for so far. Cycle 0 is on the initial labels."""

    number: int
    labels: int
    """That the oracle had counted when it trained."""
    acquisition: str
    """How the pixels were chosen: `initial`, `margin-3`, `entropy`, `random`."""
    acquired: Pixels
    """Asked for in this cycle, sorted."""
    acquire_seconds: float
    """Predicting and choosing among the unlabelled pixels of the pool; 0 in cycle 0."""
    report: Report
    """Its last epoch's; `epoch` and `fit_seconds` count from the start of cycle 0."""
    predicted: npt.NDArray[np.int64] | None
    """0-based class at each of the job's `predict`."""

"""Job: what a worker is handed for a full training that is no trial (re-evaluation, refit). Plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import FamilyConfig
from hsiauto.search.events import JobState
from hsiauto.split.model import Pixels
from hsiauto.training.active.learn import Cycle
from hsiauto.training.active.recipe import ActiveLabels
from hsiauto.training.trial import Report


@dataclass(frozen=True)
class Job:
    """Train `config` on `data` (a key into the datasets given to the pool) for the full schedule."""

    key: str
    """Unique; the result carries it."""
    config: FamilyConfig
    data: str
    seed: int
    max_epochs: int
    """Epochs of each cycle if labels are asked for."""
    predict: Pixels | None = None
    """Predict the class at these pixels after training. Positions only: the worker never sees their labels."""
    probabilities_at: Pixels | None = None
    """Tell the class probabilities at these pixels after training."""
    save_to: Path | None = None
    """Save the fitted model into this folder of the driver's machine."""
    predicted_seconds: float | None = None
    """Seconds that it will take on one worker, if known; a job that cannot end before the deadline is not started."""
    labels: ActiveLabels | None = None
    """The training pixels are a pool, whose labels are asked for cycle by cycle; None: all are known."""
    members: tuple["Job", ...] = ()
    """Jobs of members of `config`, an ensemble's, on the same data with the same seed: its training answers them."""
    own_worker: bool = False
    """Train in a process of its own, so that what earlier jobs left in memory does not count as this one's peak."""

    def why_too_late(self, left_s: float, kept_s: float = 0.0) -> str:
        """Why it is not started with `left_s` seconds left, of which `kept_s` are for something else; empty: it is."""
        if left_s <= 0:
            return "no time is left"
        if (self.predicted_seconds or 0.0) < left_s - kept_s:
            return ""
        kept = f", {_rounded(kept_s)} s of them kept free" if kept_s else ""
        needed = "" if self.predicted_seconds is None else f"it would take {_rounded(self.predicted_seconds)} s, "
        return f"{needed}{_rounded(left_s)} s are left{kept}"


def _rounded(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


@dataclass(frozen=True)
class JobResult:
    key: str
    state: JobState
    error: str = ""
    reports: tuple[Report, ...] = ()
    """One for each epoch, the learning curve; if labels are asked for, counted on over all cycles."""
    predicted: npt.NDArray[np.int64] | None = None
    """0-based class at each of `job.predict`."""
    confidence: npt.NDArray[np.float32] | None = None
    """Its probability there."""
    predict_seconds: float = float("nan")
    """Seconds for as many pixels as `job.predict` has, at the pace of a map, measured on a block of the scene."""
    device: str = ""
    node: str = ""
    started_at: str = ""
    finished_at: str = ""
    """ISO 8601, UTC."""
    model: Mapping[str, bytes] | None = None
    """Files of the fitted model on their way to `job.save_to`; None once they are there."""
    may_be_machine: bool = False
    """It failed before its first epoch, with an error that may be its machine's."""
    cycles: tuple[Cycle, ...] = ()
    """The cycles of a completed job with `labels`. The last one's model is the job's."""
    members: tuple["JobResult", ...] = ()
    """Of `job.members`, once the job has completed. Their clock is that of their prediction alone."""
    probabilities: npt.NDArray[np.float16] | None = None
    """(N, n_classes) at `job.probabilities_at`, rounded as they are kept: a resume has the same numbers."""

    @property
    def report(self) -> Report | None:
        """The report of the last epoch."""
        return self.reports[-1] if self.reports else None

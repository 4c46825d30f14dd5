"""`--max-gpu-hours`: GPU time that all trials of a search may take, counted in the journal, over all its sessions."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hsiauto.search.journal import TrialState

SECONDS = 3600


@dataclass(frozen=True)
class GpuHours:
    """A limit; None: there is none. Running trials are told at their next report, so each may finish its epoch."""

    limit: float | None

    def left_s(self, trials: Iterable[TrialState]) -> float:
        """Seconds of one GPU that are left, negative when trials overran. A trial counts as far as it has reported:
        its seconds of training times the GPUs that it held.
        """
        if self.limit is None:
            return math.inf
        return self.limit * SECONDS - sum(t.gpus * float(t.reports[-1]["fit_seconds"]) for t in trials if t.reports)

    def verdict(self, trials: Iterable[TrialState]) -> str:
        """Why a trial that has just reported must stop; empty: it may go on."""
        return f"the {self.limit:g} GPU-hours of the search are spent" if self.left_s(trials) <= 0 else ""

"""Time limits of a search. Measured seconds only stop or refuse trials; they never choose a family or a config."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hsiauto.search.journal import TrialState

LARGEST_SHARE = 1 / 3
"""Of all worker-time of the search that one trial may take while others wait for it."""


@dataclass(frozen=True)
class Pace:
    """The clock of one call of a search. Without a deadline it stops nothing."""

    deadline: float | None
    """In the clock's seconds."""
    started: float
    workers: int
    max_epochs: int
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def start(cls, deadline: float | None, workers: int, max_epochs: int, clock: Callable[[], float]) -> "Pace":
        return cls(deadline, clock(), workers, max_epochs, clock)

    @property
    def left(self) -> float:
        """Seconds to the deadline, negative after it."""
        return math.inf if self.deadline is None else self.deadline - self.clock()

    @property
    def cap(self) -> float:
        """Seconds that one trial may train."""
        if self.deadline is None:
            return math.inf
        return LARGEST_SHARE * self.workers * (self.deadline - self.started)

    def verdict(self, trial: TrialState, others_wait: bool) -> str:
        """Why `trial`, which has just reported, must stop; empty where it may go on."""
        if self.left <= 0:
            return f"time limit of the search reached after epoch {trial.epochs} of {self.max_epochs}"
        rate = trial.seconds_per_epoch
        remaining = rate * (self.max_epochs - trial.epochs)
        if remaining > self.left:
            return (
                f"would end after the time limit: {self.max_epochs - trial.epochs} epochs of {rate:.2g} s are left to "
                f"train, {self.left:.0f} s to the limit"
            )
        whole = rate * self.max_epochs
        if others_wait and whole > self.cap:
            return f"would take {whole:.0f} s; one trial may take {self.cap:.0f} s, a third of the search's worker-time"
        return ""

    def too_slow(self, trials: Iterable[TrialState]) -> set[str]:
        """Families whose fastest trial, at its measured seconds an epoch, would not fit what is left."""
        if self.deadline is None:
            return set()
        fastest: dict[str, float] = {}
        for trial in trials:
            if math.isfinite(seconds := trial.seconds_per_epoch * self.max_epochs):
                fastest[trial.family] = min(seconds, fastest.get(trial.family, math.inf))
        return {family for family, seconds in fastest.items() if seconds > min(self.left, self.cap)}

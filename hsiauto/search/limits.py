"""Time limits of a search. Measured seconds only stop or refuse trials; they never choose a family or a config."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hsiauto.search.trials import TrialState

LARGEST_SHARE = 1 / 3
"""Of all worker-time of the search that one trial may take while others wait for it."""
LONGEST = 1 / 2
"""Of the search's time that one trial may take, however many workers there are: a winner is trained again in the
re-evaluation, which has half the search's time, and what does not fit there cannot be ranked on fresh validations."""

JUDGED_FROM, DOUBT = 3, 2.0
"""Until a trial has reported so often, its pace may be a hiccup: it stops only where it would overrun by this
factor."""
SLOW_TRIALS = 3
"""A family is given up when so many of its trials were timed and none would fit: a smaller config may."""


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
        return min(LARGEST_SHARE * self.workers, LONGEST) * (self.deadline - self.started)

    def room(self, others_wait: bool) -> float:
        """Seconds that a trial which starts now may train."""
        return min(self.left, self.cap) if others_wait else self.left

    @property
    def half_gone(self) -> bool:
        """Whether half of the time is over."""
        return self.deadline is not None and self.left < (self.deadline - self.started) / 2

    def last_chance(self, trial: TrialState) -> bool:
        """Whether another trial that takes as long as `trial`, which has reported, could no longer end in time."""
        return trial.fit_seconds / trial.epochs * self.max_epochs > self.left

    def affordable(self, trials: Sequence[TrialState]) -> float:
        """How many more trials like these, early stopping included, all workers could run in the time left."""
        if self.deadline is None:
            return math.inf
        spent = [trial.fit_seconds for trial in trials if trial.reports]
        return math.inf if not sum(spent) else max(0.0, self.left) * self.workers * len(spent) / sum(spent)

    def verdict(self, trial: TrialState, others_wait: bool) -> str:
        """Why `trial`, which has just reported, must stop; empty where it may go on."""
        if self.left <= 0:
            return f"time limit of the search reached after epoch {trial.epochs} of {self.max_epochs}"
        rate, doubt = trial.seconds_per_epoch, 1.0 if len(trial.reports) >= JUDGED_FROM else DOUBT
        remaining = rate * (self.max_epochs - trial.epochs)
        if remaining > doubt * self.left:
            return (
                f"would end after the time limit: {self.max_epochs - trial.epochs} epochs of {rate:.2g} s are left to "
                f"train, {self.left:.0f} s to the limit"
            )
        whole = rate * self.max_epochs
        if others_wait and whole > doubt * self.cap:
            return f"would take {whole:.0f} s; one trial may take {self.cap:.0f} s while others wait for their turn"
        return ""

    def too_slow(self, trials: Iterable[TrialState]) -> set[str]:
        """Families of which several trials were timed, and none, at its seconds an epoch, would fit what is left."""
        if self.deadline is None:
            return set()
        needed: dict[str, list[float]] = {}
        for trial in trials:
            if math.isfinite(seconds := trial.seconds_per_epoch * self.max_epochs):
                needed.setdefault(trial.family, []).append(seconds)
        most = min(self.left, self.cap)
        return {family for family, times in needed.items() if len(times) >= SLOW_TRIALS and min(times) > most}


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
        return self.limit * SECONDS - sum(trial.gpus * trial.fit_seconds for trial in trials)

    def verdict(self, trials: Iterable[TrialState]) -> str:
        """Why a trial that has just reported must stop; empty: it may go on."""
        return f"the {self.limit:g} GPU-hours of the search are spent" if self.left_s(trials) <= 0 else ""

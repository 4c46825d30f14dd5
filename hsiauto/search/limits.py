"""Limits of time of a search. Measured seconds only stop or refuse trials; they never choose a family or a config."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hsiauto.search.trials import TrialState

LARGEST_SHARE = 1 / 3
"""Share of the worker-time of the search that one trial may take while others wait for it."""
LONGEST = 1 / 2
"""Share of the search's time that one trial may take, however many workers there are: a winner is trained again in the
re-evaluation, which has half the search's time, and what does not fit there cannot be ranked on further folds."""

JUDGED_FROM, DOUBT = 3, 2.0
"""A trial with fewer reports stops only if it would overrun by this factor: its seconds an epoch may be a hiccup."""
SLOW_TRIALS = 3
"""A family is given up if this many of its trials were timed and none would fit: a smaller config may."""

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class TimeLimit:
    """The clock of one call of a search. Without a deadline it stops nothing."""

    deadline: float | None
    """In the clock's seconds."""
    started: float
    workers: int
    max_epochs: int
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def start(cls, deadline: float | None, workers: int, max_epochs: int, clock: Callable[[], float]) -> "TimeLimit":
        return cls(deadline, clock(), workers, max_epochs, clock)

    @property
    def left_s(self) -> float:
        """Seconds to the deadline, negative after it."""
        return math.inf if self.deadline is None else self.deadline - self.clock()

    @property
    def longest_s(self) -> float:
        """Seconds that one trial may train while others wait."""
        if self.deadline is None:
            return math.inf
        return min(LARGEST_SHARE * self.workers, LONGEST) * (self.deadline - self.started)

    def trial_s(self, others_wait: bool) -> float:
        """Seconds that a trial which starts now may train."""
        return min(self.left_s, self.longest_s) if others_wait else self.left_s

    @property
    def half_gone(self) -> bool:
        """Whether half of the time is over."""
        return self.deadline is not None and self.left_s < (self.deadline - self.started) / 2

    def is_last_chance(self, trial: TrialState) -> bool:
        """Whether another trial that takes as long as `trial`, which has reported, could no longer end in time."""
        return trial.fit_seconds / trial.epochs * self.max_epochs > self.left_s

    def affordable(self, trials: Sequence[TrialState]) -> float:
        """How many more trials like these, early stopping included, all workers could run in the time left."""
        if self.deadline is None:
            return math.inf
        spent = [trial.fit_seconds for trial in trials if trial.reports]
        return math.inf if not sum(spent) else max(0.0, self.left_s) * self.workers * len(spent) / sum(spent)

    def why_stop(self, trial: TrialState, others_wait: bool) -> str:
        """Why `trial`, which has just reported, must stop; empty: it may go on."""
        if self.left_s <= 0:
            return f"time limit of the search reached after epoch {trial.epochs} of {self.max_epochs}"
        epoch_s, doubt = trial.seconds_per_epoch, 1.0 if len(trial.reports) >= JUDGED_FROM else DOUBT
        remaining_s = epoch_s * (self.max_epochs - trial.epochs)
        if remaining_s > doubt * self.left_s:
            return (
                f"would end after the time limit: {self.max_epochs - trial.epochs} epochs of {epoch_s:.2g} s are left "
                f"to train, {self.left_s:.0f} s to the limit"
            )
        whole_s = epoch_s * self.max_epochs
        if others_wait and whole_s > doubt * self.longest_s:
            longest = f"one trial may take {self.longest_s:.0f} s while others wait for their turn"
            return f"would take {whole_s:.0f} s; {longest}"
        return ""

    def too_slow(self, trials: Iterable[TrialState]) -> set[str]:
        """Families with SLOW_TRIALS timed trials of which none, at its seconds an epoch, would fit what is left."""
        if self.deadline is None:
            return set()
        needed: dict[str, list[float]] = {}
        for trial in trials:
            if math.isfinite(seconds := trial.seconds_per_epoch * self.max_epochs):
                needed.setdefault(trial.family, []).append(seconds)
        most = min(self.left_s, self.longest_s)
        return {family for family, times in needed.items() if len(times) >= SLOW_TRIALS and min(times) > most}


@dataclass(frozen=True)
class GpuHours:
    """A limit of GPU-hours. Running trials are told at their next report, so each may finish its epoch."""

    limit: float | None
    """None: there is none."""

    def left_s(self, trials: Iterable[TrialState]) -> float:
        """Seconds of one GPU that are left, negative when trials overran. A trial counts as far as it has reported:
        its seconds of training times the GPUs that it held.
        """
        if self.limit is None:
            return math.inf
        return self.limit * SECONDS_PER_HOUR - sum(trial.gpus * trial.fit_seconds for trial in trials)

    def why_stop(self, trials: Iterable[TrialState]) -> str:
        """Why no trial may go on; empty: they may."""
        return f"the {self.limit:g} GPU-hours of the search are spent" if self.left_s(trials) <= 0 else ""

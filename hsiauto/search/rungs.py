"""Early stopping: asynchronous successive halving (ASHA, arXiv 1810.05934), each family for itself.

One ladder for all families would keep the fast learners and stop the ones that win at full fidelity. Decides as Ray's
AsyncHyperBandScheduler does with one bracket (tests compare the two), but needs no cluster.
"""

import bisect
import math
from collections import defaultdict
from collections.abc import Sequence

from hsiauto.config import SchedulerName

LATEST = 1 / 2
"""Share of the epochs after which there is no rung: a later one would stop trials that have had most of their cost, and
says little of where they end."""


class Rungs:
    """Decides whether a trial goes on. Its state is a function of the scores that it was shown, in their order."""

    def __init__(
        self, scheduler: SchedulerName, max_epochs: int, grace_epochs: int, reduction: int, latest: float = LATEST
    ) -> None:
        """latest: a share of the epochs after which there is no rung; 1 = as Ray has them."""
        self._on = scheduler == "asha" and grace_epochs < max_epochs
        self._max_epochs, self._grace, self._reduction = max_epochs, grace_epochs, reduction
        self._shown: dict[tuple[str, int], set[str]] = defaultdict(set)
        """(family, rung) -> trials that were compared there."""
        self._scores: dict[tuple[str, int], list[float]] = defaultdict(list)
        """(family, rung) -> their scores, in order."""
        self.epochs: tuple[int, ...] = ()
        """Epochs after which trials are compared."""
        if self._on:
            # As many as Ray makes (its own formula, rounding included), less the late ones; the end is a completion.
            n = int(math.log(max_epochs / grace_epochs) / math.log(reduction) + 1)
            every = [e for k in range(n) if (e := grace_epochs * reduction**k) < max_epochs]
            self.epochs = tuple(e for e in every if e <= latest * max_epochs or e == grace_epochs)
            self._left_out = min((e for e in every if e not in self.epochs), default=max_epochs)

    def goes_on(self, family: str, trial_id: str, epoch: int, score: float) -> bool:
        """Show `score` of `trial_id` after `epoch`; False = stop. Higher is better.

        At its first report at or after a rung a trial is compared with those that were there before: it goes on if it
        is among the best 1 / reduction. A score that is not finite never goes on, and is not compared with others.
        """
        if not math.isfinite(score):
            return False
        if not self._on or epoch >= self._left_out:
            return True
        for rung in reversed(self.epochs):
            shown = self._shown[family, rung]
            if rung <= epoch and trial_id not in shown:
                shown.add(trial_id)
                others = self._scores[family, rung]
                goes_on = not others or score >= _percentile(others, (1 - 1 / self._reduction) * 100)
                bisect.insort(others, score)
                return goes_on
        return True

    def judges(self, epoch: int) -> bool:
        """Whether a trial may be stopped after `epoch`: from the first rung on, until it is complete."""
        return self._on and self._grace <= epoch < self._max_epochs

    def rung(self, epoch: int, previous: int) -> int | None:
        """The rung that a trial reaches at `epoch` coming from `previous`, if any."""
        return max((e for e in self.epochs if previous < e <= epoch), default=None)


def _percentile(ordered: Sequence[float], percent: float) -> float:
    """As `numpy.percentile` has it, of scores that are in order."""
    place = percent / 100 * (len(ordered) - 1)
    below = math.floor(place)
    low, high, part = ordered[below], ordered[min(below + 1, len(ordered) - 1)], place - below
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part

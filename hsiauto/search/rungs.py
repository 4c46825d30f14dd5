"""Early stopping: Ray's asynchronous successive halving (arXiv 1810.05934), one object a family, run without a cluster.

One for all families would keep the fast learners and stop the ones that win at full fidelity.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from hsiauto.config import SchedulerName

LATEST = 1 / 2
"""Of the epochs: a later rung would stop trials that have had most of their cost, and say nothing of where they end."""


@dataclass(frozen=True)
class _Named:
    """All that the scheduler reads of a trial."""

    trial_id: str


class Rungs:
    """Decides whether a trial goes on. Its state is a function of the scores that it was shown, in their order."""

    def __init__(
        self, scheduler: SchedulerName, max_epochs: int, grace_epochs: int, reduction: int, latest: float = LATEST
    ) -> None:
        """latest: a share of the epochs after which there is no rung; 1 = as Ray has them."""
        self._on = scheduler == "asha" and grace_epochs < max_epochs
        self._max_epochs, self._grace, self._reduction = max_epochs, grace_epochs, reduction
        self._families: dict[str, AsyncHyperBandScheduler] = {}
        self._known: set[str] = set()
        self.epochs: tuple[int, ...] = ()
        """At which trials are compared."""
        if self._on:
            # As many as Ray makes (its own formula, rounding included), less the late ones; the end is a completion.
            n = int(math.log(max_epochs / grace_epochs) / math.log(reduction) + 1)
            every = [e for k in range(n) if (e := grace_epochs * reduction**k) < max_epochs]
            self.epochs = tuple(e for e in every if e <= latest * max_epochs or e == grace_epochs)
            self._left_out = min((e for e in every if e not in self.epochs), default=max_epochs)

    def goes_on(self, family: str, trial_id: str, epoch: int, score: float) -> bool:
        """Show `score` of `trial_id` after `epoch`; False = stop. Higher is better.

        A score that is not finite never goes on, and is not compared with others: Ray's scheduler would let it pass.
        """
        if not math.isfinite(score):
            return False
        if not self._on or epoch >= self._left_out:
            return True
        trial: Any = _Named(trial_id)
        asha, no_controller = self._asha(family), cast(Any, None)
        if trial_id not in self._known:
            self._known.add(trial_id)
            asha.on_trial_add(no_controller, trial)
        return asha.on_trial_result(no_controller, trial, {"epoch": epoch, "score": score}) != TrialScheduler.STOP

    def judges(self, epoch: int) -> bool:
        """Whether a trial may be stopped after `epoch`: from the first rung on, until it is complete."""
        return self._on and self._grace <= epoch < self._max_epochs

    def rung(self, epoch: int, previous: int) -> int | None:
        """The rung that a trial reaches at `epoch` coming from `previous`, if any."""
        return max((e for e in self.epochs if previous < e <= epoch), default=None)

    def _asha(self, family: str) -> AsyncHyperBandScheduler:
        if family not in self._families:
            self._families[family] = AsyncHyperBandScheduler(
                time_attr="epoch",
                metric="score",
                mode="max",
                max_t=self._max_epochs,
                grace_period=self._grace,
                reduction_factor=self._reduction,
                brackets=1,
            )
        return self._families[family]

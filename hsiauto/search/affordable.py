"""Seconds that a config would train, predicted: what surely cannot fit is not started.

    seconds = multiply-adds of an epoch x epochs / rate

The rate errs on the fast side, so that a config is refused only where it is sure to be too slow. What was started in
error is stopped by its own pace (`pacing.py`). Classical families have no multiply-adds, and are never refused.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hsiauto.search.journal import TrialState
from hsiauto.search.limits import DOUBT, SLOW_TRIALS

CPU_MACS_PER_SECOND = 30e9
"""Of one thread: a core with two 256-bit float32 units at 3 to 4 GHz peaks at 48 to 64; networks of this field reach
about 20 (claresnet's largest layers)."""
GPU_MACS_PER_SECOND = 100e12
"""Of one GPU in bfloat16: a fifth of the peak of the largest ones of today; small networks stay far below."""


@dataclass(frozen=True)
class Cost:
    """Of one config on one scene, predicted."""

    parameters: int | None
    macs: int | None
    """Multiply-adds of one prediction; None for a family that is no network."""
    epoch_macs: int | None = None
    """Multiply-adds of one epoch, forward and backward; None where they are not known."""

    @property
    def weight(self) -> int:
        """For comparing families: of an epoch; without that of a prediction; 0 for a family that is no network."""
        return self.epoch_macs or self.macs or 0


def nominal_rate(device: str, threads: int) -> float:
    """Multiply-adds per second of a worker that has not been timed yet."""
    return GPU_MACS_PER_SECOND if device == "cuda" else CPU_MACS_PER_SECOND * threads


@dataclass(frozen=True)
class Speed:
    """How fast a worker trains."""

    nominal: float = math.inf
    """Multiply-adds per second, before a trial was timed. Infinite: nothing is refused until then."""

    def rates(self, family: str, trials: Iterable[TrialState]) -> "Rates":
        """What `family` may reach: the nominal rate, or the best of any network where that is more. A family with
        SLOW_TRIALS trials that were timed beyond their first epoch has shown what it can do: the best of its own."""
        every, own = [self.nominal], list[tuple[int, float]]()
        for trial in trials:
            if trial.epoch_macs and (seconds := trial.seconds_per_epoch) > 0:
                every.append(trial.epoch_macs / seconds)
                if trial.family == family and (len(trial.reports) > 1 or trial.decision == "complete"):
                    own.append((trial.epoch_macs, every[-1]))
        if len(own) < SLOW_TRIALS:
            return Rates(max(every))
        return Rates(max(rate for _, rate in own), max(epoch_macs for epoch_macs, _ in own))


@dataclass(frozen=True)
class Rates:
    """Multiply-adds per second that a family may reach."""

    best: float
    largest: float = math.inf
    """Multiply-adds of an epoch of the largest config that was timed."""

    def of(self, epoch_macs: int) -> float:
        """Large configs use a machine better than small ones of the same family: DOUBT times as well at most."""
        return self.best if epoch_macs <= self.largest else DOUBT * self.best

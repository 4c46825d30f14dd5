"""Seconds that a config would train, predicted: what surely cannot fit is not started.

    seconds = multiply-adds of an epoch x epochs / rate

The rate errs on the fast side, so that a config is refused only where it is sure to be too slow. What was started in
error is stopped by its own pace (`pacing.py`). Classical families have no multiply-adds, and are never refused.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hsiauto.search.journal import TrialState
from hsiauto.search.pacing import DOUBT, SLOW_TRIALS

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

    def rate(self, family: str, trials: Iterable[TrialState]) -> float:
        """Multiply-adds per second that `family` may reach: the nominal rate, or the best of any network where that is
        more. A family with SLOW_TRIALS timed trials has shown what it can do: DOUBT times the best of its own.

        Large configs use a machine better than small ones of the same family, hence the factor.
        """
        own, every = [], [self.nominal]
        for trial in trials:
            if trial.epoch_macs and (seconds := trial.seconds_per_epoch) > 0:
                every.append(trial.epoch_macs / seconds)
                own += every[-1:] if trial.family == family else []
        return DOUBT * max(own) if len(own) >= SLOW_TRIALS else max(every)

"""Whether a config may be started: within the run's caps, and in the time that one trial may take."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search.limits import DOUBT, SLOW_TRIALS
from hsiauto.search.trials import TrialState

CPU_MACS_PER_SECOND = 30e9
"""Speed of one thread: a core with two 256-bit float32 units at 3 to 4 GHz peaks at 48 to 64; networks of this field
reach about 20 (claresnet's largest layers)."""
GPU_MACS_PER_SECOND = 100e12
"""Speed of one GPU in bfloat16: a fifth of the peak of the largest ones of today; small networks stay far below."""
LONGEST_START_S = 120
"""Seconds of one thread or GPU, at its nominal rate, that a family's first training may take if the family has a
cheaper preset and no limit of time or GPU-hours says what fits."""


@dataclass(frozen=True)
class Cost:
    """Predicted cost of one config on one scene."""

    parameters: int | None
    macs: int | None
    """Multiply-adds of one prediction; None for a classical family, as are `parameters`."""
    epoch_macs: int | None = None
    """Multiply-adds of one epoch, forward and backward; None if it is not known."""

    @property
    def weight(self) -> int:
        """Multiply-adds of an epoch, or else of a prediction, to compare families by; 0 for a classical family."""
        return self.epoch_macs or self.macs or 0


@dataclass(frozen=True)
class Speed:
    """How fast a worker trains."""

    nominal: float = math.inf
    """Multiply-adds per second before a trial was timed. Infinite: nothing is refused until then."""
    longest_start: float = math.inf
    """Multiply-adds of the longest training that a family begins with if it has a choice: the same on every CPU."""

    @classmethod
    def of(cls, device: str, threads: int) -> "Speed":
        """The speed of a worker that has not been timed yet."""
        rate = GPU_MACS_PER_SECOND if device == "cuda" else CPU_MACS_PER_SECOND
        return cls(rate if device == "cuda" else rate * threads, LONGEST_START_S * rate)

    def rates(self, family: str, trials: Iterable[TrialState]) -> "Rates":
        """What `family` may reach: the nominal rate, or the best of any network if that is more. A family with
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
        """The rate of a config. Large ones use a machine at most DOUBT times as well as small ones of their family."""
        return self.best if epoch_macs <= self.largest else DOUBT * self.best


@dataclass(frozen=True)
class Screen:
    """What may start. Made anew for each proposal: the journal and the clock move on."""

    run_config: RunConfig
    cost: Callable[[FamilyConfig], Cost]
    longest_s: float
    """Seconds that one trial may train; infinite without a limit."""
    speed: Speed
    trials: Iterable[TrialState]
    _rates: dict[str, Rates] = field(default_factory=dict)

    def why_over_cap(self, config: FamilyConfig) -> str:
        """Which cap `config` breaks; empty: none. A classical family has nothing to cap."""
        caps = {"parameters": self.run_config.max_parameters, "macs": self.run_config.max_macs}
        for name, cap in caps.items():
            if cap is not None and (size := getattr(self.cost(config), name) or 0) > cap:
                return f"has {size:,} {_WORDS[name]}; `max_{name}` is {cap:,}"
        return ""

    def why_too_long(self, config: FamilyConfig) -> str:
        """Why `config` cannot end in time; empty: it can."""
        if math.isinf(self.longest_s):
            return ""
        epoch_macs = self.cost(config).epoch_macs or 0
        if config.family not in self._rates:
            self._rates[config.family] = self.speed.rates(config.family, self.trials)
        macs, rate = epoch_macs * self.run_config.max_epochs, self._rates[config.family].of(epoch_macs)
        if macs <= rate * self.longest_s:
            return ""
        return (
            f"would take {macs / rate:.0f} s even at {rate / 1e9:.3g} billion multiply-adds a second; one trial may "
            f"take {max(0.0, self.longest_s):.0f} s"
        )

    def why_long_start(self, config: FamilyConfig) -> str:
        """Why a family should begin with something cheaper than `config`; empty: it need not. A limit of time or of
        GPU-hours decides that by itself."""
        macs = (self.cost(config).epoch_macs or 0) * self.run_config.max_epochs
        if math.isfinite(self.longest_s) or macs <= self.speed.longest_start:
            return ""
        return (
            f"would take {LONGEST_START_S * macs / self.speed.longest_start:.0f} s of a core or a GPU; without a "
            f"`time_limit` a family starts with at most {LONGEST_START_S} s if it has a cheaper preset"
        )

    def allows(self, config: FamilyConfig) -> bool:
        return not self.why_over_cap(config) and not self.why_too_long(config)


def remembered(cost: Callable[[FamilyConfig], Cost]) -> Callable[[FamilyConfig], Cost]:
    """`cost`, which builds a network and runs it without data, once a config."""
    known: dict[str, Cost] = {}

    def once(config: FamilyConfig) -> Cost:
        if config.hash() not in known:
            known[config.hash()] = cost(config)
        return known[config.hash()]

    return once


_WORDS = {"parameters": "parameters", "macs": "multiply-adds a prediction"}

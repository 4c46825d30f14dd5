"""Whether a config may be started: under the study's caps, and in the time that one trial may take."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hsiauto.config import StudyConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.search.affordable import Cost, Rates, Speed
from hsiauto.search.journal import TrialState


@dataclass(frozen=True)
class Screen:
    """Made anew for each proposal: the journal and the clock move on."""

    study: StudyConfig
    cost: Callable[[FamilyConfig], Cost]
    room_s: float
    """Seconds that one trial may train; infinite without a limit."""
    speed: Speed
    trials: Iterable[TrialState]
    _rates: dict[str, Rates] = field(default_factory=dict)

    def over_cap(self, config: FamilyConfig) -> str:
        """Which cap of the study `config` breaks; empty: none. A family that is no network has nothing to cap."""
        caps = {"parameters": self.study.max_parameters, "macs": self.study.max_macs}
        for name, cap in caps.items():
            if cap is not None and (size := getattr(self.cost(config), name) or 0) > cap:
                return f"has {size:,} {_WORDS[name]}; --max-{name} is {cap:,}"
        return ""

    def too_long(self, config: FamilyConfig) -> str:
        """Why `config` cannot end in time; empty: it may."""
        if math.isinf(self.room_s):
            return ""
        epoch_macs = self.cost(config).epoch_macs or 0
        if config.family not in self._rates:
            self._rates[config.family] = self.speed.rates(config.family, self.trials)
        macs, rate = epoch_macs * self.study.max_epochs, self._rates[config.family].of(epoch_macs)
        if macs <= rate * self.room_s:
            return ""
        return (
            f"would take {macs / rate:.0f} s even at {rate / 1e9:.3g} billion multiply-adds a second; one trial may "
            f"take {max(0.0, self.room_s):.0f} s"
        )

    def allows(self, config: FamilyConfig) -> bool:
        return not self.over_cap(config) and not self.too_long(config)


_WORDS = {"parameters": "parameters", "macs": "multiply-adds a prediction"}

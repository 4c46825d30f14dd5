"""Trials that have hung: nothing was heard of them for too long, by the driver's clock. A hung worker measures nothing.

The limit must cover what lies between two reports: an epoch with its validation, or a classical family's whole fit.
"""

import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Silence:
    """When each trial was last heard of. limit_s: seconds that a trial may be silent; None: for ever."""

    limit_s: float | None
    clock: Callable[[], float] = time.monotonic
    _heard: dict[Any, float] = field(default_factory=dict)

    def heard(self, trial: Hashable) -> None:
        """A message came."""
        self._heard[trial] = self.clock()

    def hung(self, running: Collection[Any]) -> list[Any]:
        """Those of `running`, which is all that run now, that are silent for too long: from when they first ran."""
        if self.limit_s is None:
            return []
        now = self.clock()
        self._heard = {trial: self._heard.get(trial, now) for trial in running}
        return [trial for trial, at in self._heard.items() if now - at > self.limit_s]

    @property
    def reason(self) -> str:
        """What the row of a hung trial says."""
        assert self.limit_s is not None
        return f"no report for {self.limit_s:g} s (--trial-timeout)"

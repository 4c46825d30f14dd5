"""Whoever watches a run: told of what happens, asked whether to stop."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from hsiauto.search.events.transient import Downloading, OnEvent

Stop = Callable[[], bool] | threading.Event
"""Ends a run as Ctrl-C does once it returns True, or is set: what is done is kept, and `resume` goes on."""


@dataclass
class Watch:
    """A caller's `on_event` and `stop`, either of which may be missing."""

    on_event: OnEvent = lambda event: None
    _asked: Callable[[], bool] = lambda: False
    began: float = field(default_factory=time.monotonic)
    """The `time.monotonic()` value from which a time limit counts."""
    start_s: float = 0.0
    """Seconds that the command took from there to the call: its imports."""
    _stopped: bool = field(default=False, init=False)

    @classmethod
    def of(cls, on_event: OnEvent | None, stop: Stop | None, began: float | None = None) -> Self:
        asked = stop.is_set if isinstance(stop, threading.Event) else stop
        now = time.monotonic()
        began = now if began is None else began
        return cls(on_event or (lambda event: None), asked or (lambda: False), began, now - began)

    def stop(self) -> bool:
        """Whether the caller wants the run to end; once it does, it is not asked again."""
        self._stopped = self._stopped or bool(self._asked())
        return self._stopped

    def check(self) -> None:
        """Raise KeyboardInterrupt if the run is to end."""
        if self.stop():
            raise KeyboardInterrupt

    def downloading(self, file: str, done: int, total: int | None) -> None:
        self.on_event(Downloading(file, done, total))
        self.check()

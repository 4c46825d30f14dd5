"""How far a run is: a fold over its journal, which goes on where it stopped when the file grew."""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hsiauto.search.events import Ended, Event, Opened, Proposed, Ranked, Reevaluated, Reported, Resumed, from_line

_KEPT = 200
"""Runs whose fold is kept."""


@dataclass
class Progress:
    """What a journal has told so far."""

    at: int = 0
    """Bytes that were read."""
    trials: int = 0
    """Trials that came to an end of their own."""
    budget: int | None = None
    best: dict[str, Any] | None = None
    """Family and validation OA of the best report by the run's objective."""
    phase: str = "starting"
    began: str | None = None
    latest: str | None = None
    _objective: str = "kappa"
    _best: float = -math.inf
    _families: dict[str, str] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        self.began, self.latest = self.began or event.at, event.at
        match event:
            case Opened():
                self.budget, self._objective = event.config.get("budget"), str(event.config.get("objective", "kappa"))
                self.phase = "search"
            case Resumed():
                self.budget = event.budget
                self.phase = "search"
            case Reported():
                score = event.score(self._objective)
                if score > self._best:
                    self._best = score
                    self.best = {"family": self._families.get(event.trial_id, ""), "val_oa": event.val_oa}
            case Ended():
                self.trials += event.state in ("completed", "stopped", "failed", "refused")
            case Reevaluated():
                self.phase = "re-evaluation"
            case Ranked():
                self.phase = "refit"
            case Proposed():
                self._families[event.trial_id] = event.family

    @property
    def seconds(self) -> float:
        """Between the first and the last event."""
        if self.began is None or self.latest is None:
            return 0.0
        return (datetime.fromisoformat(self.latest) - datetime.fromisoformat(self.began)).total_seconds()

    def as_json(self) -> dict[str, Any]:
        fields = ("trials", "budget", "best", "phase")
        return {**{name: getattr(self, name) for name in fields}, "seconds": round(self.seconds, 1)}


class ProgressOfRuns:
    """The folds of the runs that were asked for last."""

    def __init__(self) -> None:
        self._lock, self._folds = threading.Lock(), OrderedDict[Path, Progress]()

    def of(self, journal: Path) -> Progress:
        """A line that is not whole, or none of ours, ends the fold there: whoever opens the run says what is wrong."""
        with self._lock:
            fold = self._folds.pop(journal, Progress())
            size = journal.stat().st_size if journal.is_file() else 0
            if size < fold.at:  # a resume cut a torn line off, or the run began anew
                fold = Progress()
            if size > fold.at:
                _read_on(fold, journal)
            self._folds[journal] = fold
            while len(self._folds) > _KEPT:
                self._folds.popitem(last=False)
            return fold


def _read_on(fold: Progress, journal: Path) -> None:
    with journal.open("rb") as file:
        file.seek(fold.at)
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                event = from_line(line)
            except ValueError:
                return
            fold.tell(event)
            fold.at += len(line)

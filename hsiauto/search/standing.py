"""How far a run is: a fold over its events, for whoever shows a run while it goes on."""

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from hsiauto.search.events import Ended, Event, Opened, Proposed, Ranked, Reevaluated, Refit, Reported, Resumed, Started
from hsiauto.search.trials import FINAL


class Best(NamedTuple):
    """The best full training of a family: epochs before compare with nothing."""

    score: float
    """The run's objective on validation."""
    trial_id: str
    val_oa: float


@dataclass
class Standing:
    """What the events so far say. Those of journal.jsonl and refits.jsonl may come one file after the other."""

    phase: str = "starting"
    """starting, search, re-evaluation or refit, as the latest event has it."""
    budget: int | None = None
    """None: nothing is searched."""
    objective: str = "kappa"
    ended: Counter[str] = field(default_factory=Counter)
    """Trials that do not go on, by state."""
    reevaluations: int = 0
    refits: int = 0
    """Of baselines too. Neither counts what a deadline left out."""
    best: dict[str, Best] = field(default_factory=dict)
    """By family."""
    live: dict[str, str] = field(default_factory=dict)
    """State of each trial that has not ended, in the order of their proposals."""
    families: dict[str, str] = field(default_factory=dict)
    """Family of each of these."""
    began: str = ""
    latest: str = ""
    """When the first event happened, and the latest."""

    def tell(self, event: Event) -> None:
        self.began = self.began or event.at
        match event:
            case Opened():
                self.objective = str(event.config.get("objective", self.objective))
                if event.config.get("command", "search") == "search":
                    self.budget = event.config.get("budget")
                    self._enter("search", event)
            case Resumed():
                self.budget = event.budget
                self._enter("search", event)
            case Proposed():
                self.live[event.trial_id], self.families[event.trial_id] = "proposed", event.family
                self._enter("search", event)
            case Started():
                if event.trial_id in self.live:
                    self.live[event.trial_id] = "running"
                self._enter("search", event)
            case Reported(decision="complete"):
                self._compare(event)
            case Ended():
                self._end(event)
            case Ranked():
                self._enter("refit", event)
            case Reevaluated():
                self.reevaluations += event.state != "skipped"
                self._enter("re-evaluation", event)
            case Refit():
                self.refits += event.state != "skipped"
                self._enter("refit", event)
        self.latest = max(self.latest, event.at)

    @property
    def trials(self) -> int:
        """Trials that came to an end of their own."""
        return self.ended.total()

    @property
    def seconds(self) -> float:
        """Between the first event and the latest."""
        if not self.began:
            return 0.0
        return (datetime.fromisoformat(self.latest) - datetime.fromisoformat(self.began)).total_seconds()

    def running(self) -> list[str]:
        """Ids of the trials that are trained now."""
        return [trial for trial, state in self.live.items() if state == "running"]

    def counts(self) -> Counter[str]:
        """Trials by state."""
        return self.ended + Counter(self.live.values())

    def _enter(self, phase: str, event: Event) -> None:
        """An event of before, from the other file, changes no phase."""
        if event.at >= self.latest:
            self.phase = phase

    def _compare(self, event: Reported) -> None:
        score, family = event.score(self.objective), self.families.get(event.trial_id)
        if family is not None and math.isfinite(score) and (family not in self.best or score > self.best[family].score):
            self.best[family] = Best(score, event.trial_id, event.val_oa)

    def _end(self, event: Ended) -> None:
        """An end stands, as in `trials`."""
        if event.trial_id in self.live and event.state in FINAL:
            self.ended[event.state] += 1
            del self.live[event.trial_id], self.families[event.trial_id]
        elif event.trial_id in self.live:
            self.live[event.trial_id] = event.state

"""What the events of a journal say of each trial."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from hsiauto.search.events import Decision, Ended, EndState, Event, Origin, Proposed, Reported, Started

FINAL = frozenset({"completed", "stopped", "failed", "refused"})
"""States from which a trial does not go on. An interrupted one does."""


RECENT, _STEP = 500, 250
"""Trials of a family from which the search learns what a family does. More say little more, and a decision that asks
all of them takes longer and longer; dropped by the step, so that who follows them need not begin anew each time."""


@dataclass
class TrialState:
    """What the journal knows of one trial."""

    trial_id: str
    number: int
    family: str
    input: str
    params: dict[str, Any]
    config: dict[str, Any]
    config_hash: str
    support: int
    parameters: int | None
    macs: int | None
    epoch_macs: int | None
    origin: Origin
    found_by: str
    sampler_state: dict[str, dict[str, Any]]
    proposed_at: str
    """The fields up to here are those of `events.Proposed`."""
    state: EndState | Literal["proposed", "running"] = "proposed"
    error: str = ""
    attempt: int = 0
    """0 = never started. A resume starts another one, and so does the death of a worker."""
    node: str = ""
    device: str = ""
    pid: int = 0
    gpus: float = 0.0
    """GPUs that the last attempt held."""
    started_at: str = ""
    """Start of the first attempt."""
    finished_at: str = ""
    peak_memory_bytes: int | None = None
    """Only of a trial that memory ended; others have it in their reports."""
    by_limit: bool = False
    """A limit of time or GPU-hours ended it."""
    worker_deaths: list[str] = field(default_factory=list)
    """Why, for each attempt whose worker died and after which the trial went on."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know of attempts: why training began anew."""
    reports: list[Reported] = field(default_factory=list)
    """One an epoch, in their order. An epoch that was trained again after a crash counts once."""

    @property
    def ended(self) -> bool:
        return self.state in FINAL

    @property
    def errors(self) -> str:
        """The error, what the trial outlived, and where it began anew, for a reader; empty if all went well."""
        return "; ".join(filter(None, [self.error, *self.worker_deaths, *self.notes]))

    @property
    def epochs(self) -> int:
        return self.reports[-1].epoch if self.reports else 0

    @property
    def decision(self) -> Decision | Literal[""]:
        """The decision on the last report; empty before the first."""
        return self.reports[-1].decision if self.reports else ""

    @property
    def fit_seconds(self) -> float:
        """Seconds of training so far, as the last report has them; 0 before the first."""
        return self.reports[-1].fit_seconds if self.reports else 0.0

    def score(self, objective: str) -> float:
        """`objective` (kappa, oa, aa) on validation at the last report; NaN before the first."""
        return self.reports[-1].score(objective) if self.reports else math.nan

    def final_score(self, objective: str) -> float:
        """`score` at full fidelity; NaN unless the trial completed."""
        return self.score(objective) if self.state == "completed" else math.nan

    @property
    def pixels_per_second(self) -> float | None:
        """Speed of prediction, as the last report has it; None if it was not measured."""
        return self.reports[-1].pixels_per_second if self.reports else None

    @property
    def seconds_per_epoch(self) -> float:
        """Median over the epochs but the first, which carries the warm-up; alone it counts half. NaN before it."""
        if not self.reports:
            return math.nan
        first = self.reports[0]
        if len(self.reports) == 1:
            return first.fit_seconds / first.epoch / (1 if first.decision == "complete" else 2)
        return median((b.fit_seconds - a.fit_seconds) / (b.epoch - a.epoch) for a, b in pairwise(self.reports))


def recent(trials: Sequence[TrialState]) -> Sequence[TrialState]:
    """The later ones of a family's trials: RECENT or somewhat more that have ended, and those that run among them."""
    first, n_ended = len(trials), 0
    while first and n_ended < RECENT:
        first -= 1
        n_ended += trials[first].ended
    return trials[first // _STEP * _STEP :]


def trials(events: Iterable[Event]) -> dict[str, TrialState]:
    """The trials in `events`, by id, in the order of their proposals."""
    states: dict[str, TrialState] = {}
    for event in events:
        fold(states, event)
    return states


def fold(states: dict[str, TrialState], event: Event) -> None:
    """Bring `states` up to date with one more event. An attempt before a trial's present one has no say."""
    match event:
        case Proposed():
            states[event.trial_id] = _proposed(event)
        case Started() | Reported() | Ended() if event.attempt >= (trial := states[event.trial_id]).attempt:
            _go_on(trial, event)


def _proposed(event: Proposed) -> TrialState:
    fields = {name: value for name, value in event if name not in ("event", "at")}
    return TrialState(**fields, proposed_at=event.at)


def _go_on(trial: TrialState, event: Started | Reported | Ended) -> None:
    match event:
        case Started():
            trial.state, trial.error, trial.finished_at, trial.by_limit = "running", "", "", False
            trial.attempt, trial.node, trial.device = event.attempt, event.node, event.device
            trial.pid, trial.gpus, trial.started_at = event.pid, event.gpus, trial.started_at or event.at
            trial.notes += [f"attempt {event.attempt} {event.note}"] if event.note else []
        case Reported():
            if trial.epochs >= event.epoch:
                trial.reports = [report for report in trial.reports if report.epoch < event.epoch]
            trial.reports.append(event)
        case Ended() if not trial.ended:  # an end stands: Ctrl-C can come between its writing and its being known
            trial.state, trial.error, trial.finished_at = event.state, event.error, event.at
            trial.peak_memory_bytes, trial.by_limit = event.peak_memory_bytes, event.by_limit
            if event.worker_died:
                trial.attempt = event.attempt  # which may not have started: the next one has another number
                trial.worker_deaths.append(event.error)

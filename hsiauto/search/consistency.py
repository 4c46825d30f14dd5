"""What one line of a journal says of those before it: a journal whose lines contradict each other is no run's.

A replay relies on it: which trials there are, which attempt is at work, which epochs are done, what was scored.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hsiauto.search.events import (
    Cycle,
    Ended,
    Event,
    Mapped,
    Model,
    Opened,
    Placed,
    Proposed,
    Ranked,
    Reevaluated,
    Refit,
    Reported,
    Started,
)
from hsiauto.search.trials import TrialState, fold

OF_REFITS = (Cycle, Refit, Model, Mapped)
"""Events that refits.jsonl holds and journal.jsonl does not."""


class Story:
    """The lines of a journal so far, as far as the next one must agree with them."""

    def __init__(self) -> None:
        self._begun = self._of_refits = False
        self._trials: dict[str, TrialState] = {}
        self._scored: set[str] = set()
        """Keys of refits that completed, of cycles, and of re-evaluations that were done."""
        self._refitted: set[str] = set()
        """Keys of refits, whatever became of them."""
        self._saved: set[str] = set()
        """Hashes of the configs whose models were saved."""

    def tell(self, event: Event) -> None:
        """Take the next line. Raises ValueError if it contradicts an earlier one."""
        of_refits = isinstance(event, OF_REFITS)
        if self._begun and of_refits is not self._of_refits:
            raise ValueError(f"{event.event}: test scores and trials stand in files of their own")
        if why := self._why_not(event):
            raise ValueError(f"{event.event}: {why}")
        self._begun, self._of_refits = True, of_refits
        fold(self._trials, event)

    def _why_not(self, event: Event) -> str:
        match event:
            case Opened():
                return "a run begins once, in the first line" if self._begun else ""
            case Proposed():
                return self._why_not_proposed(event)
            case Started() | Reported() | Ended():
                trial = self._trials.get(event.trial_id)
                if trial is None:
                    return f"no earlier line proposes {event.trial_id}"
                why = _why_no_next(trial, event)
                return f"{trial.trial_id} {why}" if why else ""
            case Reevaluated():
                return self._why_no_candidate([event.trial_id]) or self._why_twice(
                    f"{event.trial_id} on fold {event.fold}", event.state != "skipped"
                )
            case Ranked():
                return self._why_not_ranked(event)
            case Cycle():
                return self._why_twice(f"cycle {event.cycle} of {event.key}", True)
            case Refit():
                self._refitted.add(event.key)
                return self._why_twice(event.key, event.state == "completed")
            case Mapped():
                return "" if event.config_hash in self._saved else f"no earlier line saves {event.config_hash}"
            case Model():
                self._saved.add(event.config_hash)
                return "" if event.key in self._refitted else f"no earlier line refits {event.key}"
        return ""

    def _why_not_proposed(self, event: Proposed) -> str:
        if event.trial_id in self._trials:
            return f"{event.trial_id} was proposed before"
        due = len(self._trials) + 1
        return "" if event.number == due else f"trial number {event.number}, where {due} is due"

    def _why_no_candidate(self, trial_ids: Iterable[str]) -> str:
        """A trial that could be trained; a preset may have been stopped early."""
        for trial_id in trial_ids:
            if trial_id not in self._trials or self._trials[trial_id].state in ("failed", "refused"):
                return f"no earlier line trains {trial_id}"
        return ""

    def _why_not_ranked(self, event: Ranked) -> str:
        placed = [one.trial_id or "the ensemble" for one in event.order]
        if twice := {name for name in placed if [*placed, *event.unplaced].count(name) > 1}:
            return f"{', '.join(sorted(twice))} stands twice"
        return next(filter(None, map(self._why_not_placed, event.order)), "") or self._why_no_candidate(event.unplaced)

    def _why_not_placed(self, one: Placed) -> str:
        """Its config must be what its trials tried, smoothed in some way."""
        of_trials = one.members if one.trial_id is None else (one.trial_id,)
        if why := self._why_no_candidate(of_trials):
            return why
        tried = [self._trials[trial_id].config for trial_id in of_trials]
        if one.trial_id is None:
            same = one.family == "ensemble" and _unordered(one.config.get("members")) == _unordered(tried)
        else:
            same = not one.members and _unsmoothed(one.config) == _unsmoothed(tried[0])
        return "" if same else f"the config of {one.trial_id or 'the ensemble'} is not of {' and '.join(of_trials)}"

    def _why_twice(self, key: str, done: bool) -> str:
        if key in self._scored:
            return f"{key} was done before"
        if done:
            self._scored.add(key)
        return ""


def _why_no_next(trial: TrialState, event: Started | Reported | Ended) -> str:
    """Why `event` cannot be the next one of `trial`; empty: it can."""
    again = isinstance(event, Ended) and event.state == "interrupted"  # Ctrl-C, when its end was just written
    if trial.ended and not trial.by_limit and not again:
        return f"has ended before, {trial.state}"
    match event:
        case Started():
            return "" if event.attempt > trial.attempt else f"starts attempt {event.attempt} after {trial.attempt}"
        case Reported():
            if trial.state != "running" or event.attempt != trial.attempt:
                return f"reports from attempt {event.attempt}, which is not at work"
            return "" if event.epoch > trial.epochs else f"reports epoch {event.epoch} after {trial.epochs}"
        case Ended():
            if event.attempt < trial.attempt:
                return f"ends attempt {event.attempt} after {trial.attempt} has started"
            if event.state == "completed" and (trial.decision != "complete" or event.attempt != trial.attempt):
                return "completes without a report that says so"
    return ""


def _unordered(configs: Any) -> list[str]:
    """Members stand in an order of their own."""
    return sorted(json.dumps(_unsmoothed(one), sort_keys=True) for one in configs) if isinstance(configs, list) else []


def _unsmoothed(config: Any) -> Any:
    fields = config.items() if isinstance(config, Mapping) else ()
    return {name: value for name, value in fields if name not in ("smoothing", "smoothing_radius")}

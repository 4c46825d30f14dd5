"""What one line of a journal says of those before it: a journal whose lines contradict each other is no run's.

A replay relies on it: which trials there are, which attempt is at work, which epochs are done, what was scored.
"""

from collections.abc import Collection

from hsiauto.search.events import (
    Cycle,
    Ended,
    Event,
    Mapped,
    Model,
    Opened,
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
                return self._why_unfinished([event.trial_id]) or self._why_twice(
                    f"{event.trial_id} on fold {event.fold}", event.state != "skipped"
                )
            case Ranked():
                twice = "" if len(set(event.order)) == len(event.order) else "a trial stands twice in the order"
                return twice or self._why_unfinished(event.order)
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

    def _why_unfinished(self, trial_ids: Collection[str]) -> str:
        for trial_id in trial_ids:
            if trial_id not in self._trials or self._trials[trial_id].state != "completed":
                return f"no earlier line completes {trial_id}"
        return ""

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

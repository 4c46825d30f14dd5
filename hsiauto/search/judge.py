"""Whether a trial goes on after a report: rungs, its family's learning curves, limits."""

import itertools
import math
from collections.abc import Collection
from dataclasses import replace

from hsiauto.config import RunConfig
from hsiauto.search.events import Decision, Reported
from hsiauto.search.learning_curves import Completed, curve
from hsiauto.search.limits import GpuHours, TimeLimit
from hsiauto.search.rungs import Rungs
from hsiauto.search.trials import TrialState


class Judge:
    """Decides for one search. What it remembers are the scores that its rungs were shown, in their order."""

    def __init__(self, run_config: RunConfig, completed: Completed, time_limit: TimeLimit, gpu_hours: GpuHours) -> None:
        self._run_config, self._completed, self._time_limit = run_config, completed, time_limit
        self._gpu_hours = gpu_hours
        self._rungs = Rungs(run_config.scheduler, run_config.max_epochs, run_config.grace_epochs, run_config.reduction)

    def judged(
        self, report: Reported, trial: TrialState, trials: Collection[TrialState], others_wait: bool
    ) -> tuple[Reported, bool]:
        """`report`, the next one of `trial`, with the decision, and what it rests on; whether a limit alone stops it.

        trials: those of the search. others_wait: whether the time of `trial` could go to another one.
        """
        now = replace(trial, reports=[*trial.reports, report])
        score = report.score(self._run_config.objective)
        # A trial that may not rank must not stop others: the rungs do not see it.
        slow = self.why_too_slow(report)
        rung = None if slow else self._rungs.rung(report.epoch, trial.epochs)
        tells = self._completed.tells(trial.family, report.epoch)
        goes_on = math.isfinite(score) if slow else self.show(trial.family, report)
        goes_on |= math.isfinite(score) and (not tells or self._time_limit.is_last_chance(now))
        complete = report.epoch >= self._run_config.max_epochs
        limit = "" if complete or slow else self.why_over_limit(now, trials, others_wait)
        why = "" if complete else slow or limit
        if goes_on and tells and not why and self._rungs.judges(report.epoch):
            why = self._completed.why_cannot_win(trial.family, curve(now, self._run_config.objective))
        decision: Decision = "stop" if not goes_on or why else "complete" if complete else "continue"
        judged = report.model_copy(update={"decision": decision, "rung": rung, "reason": why if goes_on else ""})
        return judged, goes_on and bool(limit)

    def show(self, family: str, report: Reported) -> bool:
        """Show a report to the rungs; whether they let its trial go on."""
        return self._rungs.goes_on(family, report.trial_id, report.epoch, report.score(self._run_config.objective))

    def why_too_slow(self, report: Reported) -> str:
        """Why a trial with `report` predicts too slowly to rank; empty: it may."""
        least, measured = self._run_config.min_pixels_per_second, report.pixels_per_second or 0
        if least is None or measured >= least:
            return ""
        return f"predicts {measured:.0f} pixels a second; `min_pixels_per_second` is {least:g}"

    def why_over_limit(self, now: TrialState, trials: Collection[TrialState], others_wait: bool) -> str:
        """Why the time or the GPU-hours of the search do not let the trial `now` go on; empty: they do."""
        others = (other for other in trials if other.trial_id != now.trial_id)
        late = self._time_limit.why_stop(now, others_wait)
        return late or self._gpu_hours.why_stop(itertools.chain(others, [now]))

"""Re-evaluation: candidates on validation folds that did not choose them, then the final order."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hsiauto.families import config_from
from hsiauto.refit.candidates import PLACES, candidates, with_a_chance
from hsiauto.refit.decide import decide
from hsiauto.refit.evidence import Evidence, Folds
from hsiauto.refit.work import Work
from hsiauto.search.events import Ended, Event, Ranked, Reevaluated, of
from hsiauto.search.trials import TrialState
from hsiauto.search.workers.jobs import Job, JobResult

SHARE = 0.5
"""Without a time limit re-evaluation may take this part of what the search's trainings took, as with one."""
LEAST_S = 60.0
"""What it may take in any case."""


def reevaluate(work: Work, folder: Path, deadline: float | None = None) -> Ranked:
    """Re-evaluate, decide, journal both; returns the order, which is final until the search goes on.

    Every candidate trains on each of `further_folds` folds of the pool, with the same seed as all others on that fold;
    its class probabilities are kept in `folder`, the run's. What `deadline` (time.monotonic) leaves out is journalled
    as skipped; without one the tail of the candidates is left out.
    """
    if (final := final_order(work.journal.events)) is not None:
        return final
    folds = Folds.of(work)
    evidence = Evidence(work, folds, folder)
    chosen = candidates(work.trials, work.run_config.objective)
    if deadline is None:
        chosen = _affordable(work, chosen, folds)
    told = with_a_chance(chosen, work.run_config.objective, work.run_config.top_k)
    _train(work, told, folds, evidence, deadline)
    said = replace(folds, notes=(*folds.notes, *_left_out(len(chosen) - len(told))))
    ranked = decide(work, told, evidence, said)
    work.record(work.journal, ranked)
    return ranked


def final_order(events: Sequence[Event]) -> Ranked | None:
    """The order in a journal; None before there is one, or if an extended search has ended a trial since."""
    for event in reversed(events):
        if isinstance(event, Ranked):
            return event
        if isinstance(event, Ended):
            return None
    return None


def _left_out(n: int) -> list[str]:
    families = f"the last family with a place (top_k, at least {PLACES})"
    return [f"{n} configs were too far behind {families} on the search's validation to be re-evaluated"] if n else []


def _affordable(work: Work, chosen: Sequence[TrialState], folds: Folds) -> list[TrialState]:
    """The first of `chosen`, and of the others those that fit into what is left of the time by their prediction."""
    left_s = max(LEAST_S, SHARE * sum(trial.fit_seconds for trial in work.trials.values()))
    found: list[TrialState] = []
    pace = work.pace()
    for trial in chosen:
        needed = [pace.seconds(config_from(trial.config), len(data.train_pixels)) for data in folds.data.values()]
        seconds = sum(math.inf if s is None else s for s in needed)
        if not found or seconds <= left_s:
            left_s -= seconds
            found.append(trial)
    return found


def _train(work: Work, chosen: Sequence[TrialState], folds: Folds, evidence: Evidence, deadline: float | None) -> None:
    """One candidate after the other, on all folds, so that a deadline leaves few with unequal evidence. Without one the
    longest trainings come first: then no worker waits for long for the last one."""
    done = {(one.trial_id, one.fold) for one in of(Reevaluated, work.journal.events) if one.state != "skipped"}
    jobs: list[Job] = []
    asked: dict[str, tuple[TrialState, int]] = {}
    pace = work.pace()
    for trial in chosen:
        config = config_from(trial.config)
        for fold, data in folds.data.items():
            if (trial.trial_id, fold) in done:
                continue
            job = Job(
                key=f"fold-{fold}/{trial.trial_id}",
                config=config.bounded(work.scene.n_bands, len(data.train_pixels)),
                data=f"fold-{fold}",
                seed=work.run_config.seed + fold - 1,
                max_epochs=work.run_config.max_epochs,
                probabilities_at=evidence.asked(trial.support, fold),
                predicted_seconds=pace.seconds(config, len(data.train_pixels)),
            )
            jobs.append(job)
            asked[job.key] = (trial, fold)
    if not jobs:
        return
    if deadline is None:
        jobs.sort(key=lambda job: -math.inf if job.predicted_seconds is None else -job.predicted_seconds)
    for result in work.train(jobs, {f"fold-{fold}": data for fold, data in folds.data.items()}, deadline):
        trial, fold = asked[result.key]
        if result.state == "completed" and result.probabilities is not None:
            evidence.keep(trial, fold, result.probabilities)
        _record(work, trial.trial_id, fold, result)


def _record(work: Work, trial_id: str, fold: int, result: JobResult) -> None:
    copied = ("val_oa", "val_aa", "val_kappa", "fit_seconds")
    measured = {name: getattr(result.report, name) for name in copied} if result.report else {}
    event = Reevaluated(
        trial_id=trial_id,
        fold=fold,
        state=result.state,
        error=result.error,
        started_at=result.started_at,
        finished_at=result.finished_at,
        **measured,
    )
    work.record(work.journal, event)

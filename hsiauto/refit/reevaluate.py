"""Re-evaluation: the best candidates on validation folds that did not choose them, then the final order."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hsiauto.families import config_from
from hsiauto.refit.candidates import candidates, preset_of
from hsiauto.refit.ranking import Ranking, rank
from hsiauto.refit.work import Work
from hsiauto.search.events import Ended, Event, Ranked, Reevaluated, of
from hsiauto.search.trials import TrialState
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split import folds
from hsiauto.split.seal import TrialData, class_names, seal
from hsiauto.split.validation import fewer_folds, validation_warnings


def reevaluate(work: Work, deadline: float | None = None) -> Ranking:
    """Re-evaluate, rank, journal both; returns the order, which is final until the search goes on.

    Candidates: the best of each of the best `top_k` families, the preset of whichever family then leads, and the
    presets of the others as far as their predicted seconds fit before `deadline` (time.monotonic). Each trains on
    `further_folds` folds of the same pool, with the same seed for all. What the deadline leaves out is
    journalled as skipped. Behind the leading family, the better one of a family's config and its preset is ranked.
    """
    if (final := final_order(work.journal.events)) is not None:
        return final
    trials, run_config = work.trials, work.run_config
    chosen = candidates(trials, run_config)
    datasets, notes = _further_folds(work)
    seen: set[str] = set()
    while chosen:
        _train(work, [trial for trial in chosen if trial.trial_id not in seen], datasets, deadline)
        seen |= {trial.trial_id for trial in chosen}
        leader = trials[_rank(work, chosen).order[0]]
        preset = preset_of(leader.family, trials)
        if preset is None or preset.trial_id in seen or preset.config_hash == leader.config_hash:
            break
        chosen.append(preset)
    if others := _affordable_presets(work, chosen, datasets, deadline):
        _train(work, others, datasets, deadline)
        chosen += others
    final = _one_a_family(_rank(work, chosen), trials)
    work.record(work.journal, Ranked(order=final.order, reasons=final.reasons, notes=tuple(notes)))
    return final


def _affordable_presets(
    work: Work, chosen: Sequence[TrialState], datasets: dict[int, TrialData], deadline: float | None
) -> list[TrialState]:
    """Presets of the candidates' families that are no candidates yet, in the order of the ranking."""
    trials, known, pace = work.trials, {trial.config_hash for trial in chosen}, work.pace()
    left_s = math.inf if deadline is None else deadline - time.monotonic()
    found: list[TrialState] = []
    for family in dict.fromkeys(trials[i].family for i in _rank(work, chosen).order):
        preset = preset_of(family, trials)
        if preset is None or preset.config_hash in known:
            continue
        needed = [pace.seconds(config_from(preset.config), len(d.train_pixels)) for d in datasets.values()]
        seconds = sum(math.inf if s is None else s for s in needed) if deadline is not None else 0.0
        if seconds < left_s:
            left_s -= seconds
            found.append(preset)
    return found


def _one_a_family(ranking: Ranking, trials: Mapping[str, TrialState]) -> Ranking:
    """Keep only the first of each family but the leading one: each ranked config is retrained over several seeds."""
    kept: list[str] = []
    for trial_id in ranking.order:
        family = trials[trial_id].family
        if family == trials[ranking.order[0]].family or family not in {trials[i].family for i in kept}:
            kept.append(trial_id)
    return replace(ranking, order=tuple(kept))


def final_order(events: Sequence[Event]) -> Ranking | None:
    """The order in a journal; None before there is one, or if an extended search has ended a trial since."""
    for event in reversed(events):
        if isinstance(event, Ranked):
            return Ranking(event.order, event.reasons)
        if isinstance(event, Ended):
            return None
    return None


def _further_folds(work: Work) -> tuple[dict[int, TrialData], list[str]]:
    """{number of a fold: its data}, from 2, and what one lacks or why there are fewer."""
    asked, names = work.run_config.further_folds, class_names(work.scene, work.split)
    found = folds(work.split, work.scene.labels, 1 + asked)[1:]
    datasets = {n: seal(work.scene, split)[0] for n, split in enumerate(found, start=2)}
    notes = fewer_folds(len(found), asked)
    for number, data in datasets.items():
        notes += validation_warnings(data, names, f"validation fold {number}")
    return datasets, notes


def _train(work: Work, chosen: Sequence[TrialState], datasets: dict[int, TrialData], deadline: float | None) -> None:
    """One fold after the other, so that a deadline leaves few candidates with unequal evidence."""
    events = of(Reevaluated, work.journal.events)
    done = {(event.trial_id, event.fold) for event in events if event.state != "skipped"}
    jobs, asked, pace = [], {}, work.pace()
    for fold, data in datasets.items():
        for trial in chosen:
            if (trial.trial_id, fold) in done:
                continue
            config = config_from(trial.config)
            job = Job(
                key=f"fold-{fold}/{trial.trial_id}",
                config=config.bounded(work.scene.n_bands, len(data.train_pixels)),
                data=f"fold-{fold}",
                seed=work.run_config.seed + fold - 1,
                max_epochs=work.run_config.max_epochs,
                predicted_seconds=pace.seconds(config, len(data.train_pixels)),
            )
            jobs.append(job)
            asked[job.key] = (trial.trial_id, fold)
    if not jobs:
        return
    named = {f"fold-{fold}": data for fold, data in datasets.items()}
    for result in work.train(jobs, named, deadline):
        _record(work, *asked[result.key], result)


def _record(work: Work, trial_id: str, fold: int, result: JobResult) -> None:
    copied = ("val_oa", "val_aa", "val_kappa", "fit_seconds")
    measured = {name: getattr(result.report, name) for name in copied} if result.report else {}
    event = Reevaluated(trial_id=trial_id, fold=fold, state=result.state, error=result.error, **measured)
    work.record(work.journal, event)


def _rank(work: Work, chosen: Sequence[TrialState]) -> Ranking:
    fresh: dict[str, dict[int, float]] = {}
    failed: dict[str, str] = {}
    for event in of(Reevaluated, work.journal.events):
        score = event.score(work.run_config.objective)
        if event.state == "completed" and math.isfinite(score):
            fresh.setdefault(event.trial_id, {})[event.fold] = score
        elif event.state != "skipped":
            failed[event.trial_id] = event.error or f"the {work.run_config.objective} was not finite"
    return rank(chosen, work.run_config.objective, fresh, failed)

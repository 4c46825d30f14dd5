"""Re-evaluation: the best candidates on validations that did not choose them, then the final order."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from hsiauto.errors import UserError
from hsiauto.refit.candidates import Candidate, choose, preset_of
from hsiauto.refit.ranking import Ranking, rank
from hsiauto.refit.work import Work
from hsiauto.search.events import Ended, Event, Ranked, Reevaluated, of
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split import revalidate
from hsiauto.split.seal import TrialData, seal


def reevaluate(work: Work, deadline: float | None = None) -> Ranking:
    """Re-evaluate, rank, journal both; returns the order, which is final until the search goes on.

    Candidates: the best of each of the best `top_k` families, the preset of whichever family then leads, and the
    presets of the others as far as their predicted seconds fit before `deadline` (time.monotonic). Each trains on
    `fresh_validations` fresh divisions of the same pool, with the same seed for all. What the deadline leaves out is
    journalled as skipped. Behind the leading family, the better one of a family's config and its preset is ranked.
    """
    if (final := final_order(work.journal.events)) is not None:
        return final
    trials, run_config = work.trials, work.run_config
    candidates = choose(trials, run_config)
    datasets, notes = _fresh_data(work)
    seen: set[str] = set()
    while candidates:
        _train(work, [c for c in candidates if c.trial_id not in seen], datasets, deadline)
        seen |= {c.trial_id for c in candidates}
        order = _rank(work, candidates)
        leader = next(c for c in candidates if c.trial_id == order.order[0])
        preset = preset_of(leader.config.family, trials, run_config)
        if preset is None or preset.trial_id in seen or preset.trial.config_hash == leader.trial.config_hash:
            break
        candidates.append(preset)
    if others := _affordable_presets(work, candidates, datasets, deadline):
        _train(work, others, datasets, deadline)
        candidates += others
    final = _one_a_family(_rank(work, candidates), candidates)
    work.record(work.journal, Ranked(order=final.order, reasons=final.reasons, notes=tuple(notes)))
    return final


def _affordable_presets(
    work: Work, candidates: Sequence[Candidate], datasets: dict[int, TrialData], deadline: float | None
) -> list[Candidate]:
    """Presets of the candidates' families that are no candidates yet, in the order of the ranking."""
    trials, by_id = work.trials, {c.trial_id: c for c in candidates}
    known = {c.trial.config_hash for c in candidates}
    left_s = math.inf if deadline is None else deadline - time.monotonic()
    found: list[Candidate] = []
    for family in dict.fromkeys(by_id[i].config.family for i in _rank(work, candidates).order):
        preset = preset_of(family, trials, work.run_config)
        if preset is None or preset.trial.config_hash in known:
            continue
        needed = [work.predicted_seconds(preset.trial.config_hash, len(d.train_pixels)) for d in datasets.values()]
        seconds = sum(math.inf if s is None else s for s in needed) if deadline is not None else 0.0
        if seconds < left_s:
            left_s -= seconds
            found.append(preset)
    return found


def _one_a_family(ranking: Ranking, candidates: Sequence[Candidate]) -> Ranking:
    """Of every family but the leading one the first alone: each that is ranked is retrained over several seeds."""
    family = {c.trial_id: c.config.family for c in candidates}
    kept: list[str] = []
    for trial_id in ranking.order:
        if family[trial_id] == family[ranking.order[0]] or family[trial_id] not in {family[i] for i in kept}:
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


def _fresh_data(work: Work) -> tuple[dict[int, TrialData], list[str]]:
    """{seed: data with a fresh validation}, and why one could not be drawn."""
    datasets: dict[int, TrialData] = {}
    notes: list[str] = []
    for seed in range(1, work.run_config.fresh_validations + 1):
        try:
            split = revalidate(work.split, work.scene.labels, seed)
        except UserError as error:
            notes.append(f"fresh validation {seed} could not be drawn: {error}")
            continue
        datasets[seed] = seal(work.scene, split, work.run_config.transductive)[0]
    return datasets, notes


def _train(work: Work, candidates: Sequence[Candidate], datasets: dict[int, TrialData], deadline: float | None) -> None:
    """One validation after the other, so that a deadline leaves few candidates with unequal evidence."""
    events = of(Reevaluated, work.journal.events)
    done = {(event.trial_id, event.split_seed) for event in events if event.state != "skipped"}
    jobs, asked = [], {}
    for seed, data in datasets.items():
        for candidate in candidates:
            if (candidate.trial_id, seed) in done:
                continue
            job = Job(
                key=f"validation-{seed}/{candidate.trial_id}",
                config=candidate.config.bounded(work.scene.n_bands, len(data.train_pixels)),
                data=f"validation-{seed}",
                seed=work.run_config.seed + seed,
                max_epochs=work.run_config.max_epochs,
                predicted_seconds=work.predicted_seconds(candidate.trial.config_hash, len(data.train_pixels)),
            )
            jobs.append(job)
            asked[job.key] = (candidate.trial_id, seed)
    if not jobs:
        return
    named = {f"validation-{seed}": data for seed, data in datasets.items()}
    for result in work.train(jobs, named, deadline):
        _record(work, *asked[result.key], result)


def _record(work: Work, trial_id: str, seed: int, result: JobResult) -> None:
    copied = ("val_oa", "val_aa", "val_kappa", "fit_seconds")
    measured = {name: getattr(result.report, name) for name in copied} if result.report else {}
    event = Reevaluated(trial_id=trial_id, split_seed=seed, state=result.state, error=result.error, **measured)
    work.record(work.journal, event)


def _rank(work: Work, candidates: Sequence[Candidate]) -> Ranking:
    fresh: dict[str, dict[int, float]] = {}
    failed: dict[str, str] = {}
    for event in of(Reevaluated, work.journal.events):
        score = event.score(work.run_config.objective)
        if event.state == "completed" and math.isfinite(score):
            fresh.setdefault(event.trial_id, {})[event.split_seed] = score
        elif event.state != "skipped":
            failed[event.trial_id] = event.error or f"the {work.run_config.objective} was not finite"
    return rank(candidates, fresh, failed)

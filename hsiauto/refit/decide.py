"""What is retrained, and in which order, from validation alone. results/selection has the figures behind each rule.

1. `ranking` orders the candidates; the first of each family stands for it.
2. Smoothing: of the filters that the buffer holds beside a config's own window, the one with the best mean over the
   deciding folds; none in a tie. A config that smooths by itself, or that a pin forbids to, stays as it is.
3. The ensemble is the plain mean of those, each with its filter, whose score is within MARGIN of the best. Finer
   choices follow a few folds too closely: members that raise the score, or selection with replacement (Caruana et al.,
   ICML 2004), do worse on test.
4. The ensemble, if there is one, takes the first place: the best of many is flattered by the folds that chose it, and a
   mean is not. Two or three paired differences cannot tell when the best is truly better; to ask them costs regret. It
   stands by its score where that says nothing about it: without the best as a member, or behind it by more than LEAD.
   A config that no deciding fold has measured, for want of time, is not first either unless it is ahead by as much.
5. The first `top_k` are retrained.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig, SmoothedConfig
from hsiauto.families.ensemble import MOST_MEMBERS, EnsembleConfig
from hsiauto.refit.evidence import FILTERS, Evidence, Filtered, Folds
from hsiauto.refit.ranking import beats, rank
from hsiauto.refit.work import Work
from hsiauto.search.events import Placed, Ranked, Reevaluated, of
from hsiauto.search.trials import TrialState

MARGIN = 0.1
"""Of the objective: how far behind the best a member of the ensemble may be."""
LEAD = 0.06
"""Of the objective: how far behind the best on the deciding folds the ensemble may be, and lead; the most that was seen
where this was measured."""


@dataclass(frozen=True)
class _Entry:
    """A config, or the mean of several, as it would be retrained."""

    models: tuple[Filtered, ...]
    config: FamilyConfig
    score: float
    on_folds: Mapping[int, float]
    reason: str

    def placed(self, evidence: Evidence) -> Placed:
        ids = tuple(trial.trial_id for trial, _ in self.models)
        return Placed(
            trial_id=ids[0] if len(ids) == 1 else None,
            members=ids if len(ids) > 1 else (),
            family=self.config.family,
            config=self.config.active(),
            config_hash=self.config.hash(),
            score=self.score if math.isfinite(self.score) else math.nan,
            on_folds=tuple(self.on_folds.values()),
            ece=evidence.calibration_error(self.models),
            reason=self.reason,
        )


def decide(work: Work, chosen: Sequence[TrialState], evidence: Evidence, folds: Folds) -> Ranked:
    """The final order of `chosen`."""
    on_folds, failed = _measured(work)
    ranking = rank(chosen, work.run_config.objective, on_folds, failed)
    trials = {trial.trial_id: trial for trial in chosen}
    heads: dict[str, TrialState] = {}
    for trial_id in ranking.order:
        heads.setdefault(trials[trial_id].family, trials[trial_id])
    entries = [
        _single(
            work,
            trial,
            evidence,
            ranking.scores.get(trial.trial_id, -math.inf),
            on_folds.get(trial.trial_id, {}),
            ranking.reasons[trial.trial_id],
        )
        for trial in heads.values()
    ]
    entries = _measured_first(entries)
    lacking = ""
    if work.run_config.ensemble and entries:
        mean, lacking = _mean(entries, evidence)
        if mean is not None:
            _, words = beats(entries[0].on_folds, mean.on_folds, "it")
            leads = entries[0].models[0] in mean.models and mean.score >= entries[0].score - LEAD
            place = 0 if leads else sum(entry.score > mean.score for entry in entries)
            entries.insert(place, replace(mean, reason=f"{mean.reason}; the best of all {words}"))
    order = tuple(entry.placed(evidence) for entry in entries[: work.run_config.top_k])
    placed = {one.trial_id for one in order}
    unplaced = {trial_id: why for trial_id, why in ranking.reasons.items() if trial_id not in placed}
    notes = (*folds.notes, *filter(None, [lacking]))
    return Ranked(order=order, unplaced=unplaced, classes_validated=folds.classes, notes=notes)


def _single(
    work: Work, trial: TrialState, evidence: Evidence, score: float, on_folds: Mapping[int, float], reason: str
) -> _Entry:
    """`trial` with the filter that suits it. score, on_folds: without one."""
    config = config_from(trial.config)
    plain = _Entry(((trial, FILTERS[0]),), config, score, on_folds, reason)
    fixed = f"{trial.family}.smoothing" in work.run_config.pins
    if fixed or not isinstance(config, SmoothedConfig) or config.smoothing != "none":
        return plain
    smoothing, smoothed = evidence.best_filter(trial)
    if smoothing is FILTERS[0]:
        return plain
    gain = fmean(smoothed.values()) - fmean(evidence.scores(plain.models).values())
    words = f"{reason}; {_in_words(smoothing)} {gain:+.4f}"
    return _Entry(((trial, smoothing),), _with(config, smoothing), score + gain, smoothed, words)


def _measured_first(entries: Sequence[_Entry]) -> list[_Entry]:
    """Best first, but for one that no deciding fold has measured: the search's own fold flatters the best of many."""
    order = sorted(entries, key=lambda entry: -entry.score)
    measured = next((entry for entry in order if entry.on_folds), None)
    if measured is not None and measured.score >= order[0].score - LEAD:
        order.remove(measured)
        order.insert(0, measured)
    return order


def _mean(entries: Sequence[_Entry], evidence: Evidence) -> tuple[_Entry | None, str]:
    """The ensemble, or why there is none. entries: of each family one, best first."""
    best = max(entry.score for entry in entries)
    near = [entry for entry in entries if entry.score >= best - MARGIN]
    told = [entry for entry in near if len(evidence.scores(entry.models)) == len(evidence.folds) > 0][:MOST_MEMBERS]
    if len(told) < 2:
        return (
            None,
            f"no ensemble: {len(told)} of the families within {MARGIN} of the best told probabilities on every fold",
        )
    models = tuple(entry.models[0] for entry in told)
    config, on_folds = EnsembleConfig(members=tuple(entry.config for entry in told)), evidence.scores(models)
    score = fmean(on_folds.values())
    reason = f"{score:.4f} mean over {len(on_folds)} folds, of the families within {MARGIN} of the best"
    return _Entry(models, config, score, on_folds, reason), ""


def _with(config: SmoothedConfig, smoothing: SmoothedConfig) -> SmoothedConfig:
    fields = {name: value for name, value in smoothing.active().items() if name != "family"}
    return type(config)(**{**config.active(), **fields})


def _in_words(smoothing: SmoothedConfig) -> str:
    kind = {"majority": "majority vote", "guided": "guided filter"}[smoothing.smoothing]
    return f"{kind} of radius {smoothing.smoothing_radius}"


def _measured(work: Work) -> tuple[dict[str, dict[int, float]], dict[str, str]]:
    """Trial id -> objective by fold, and trial id -> error, from the journal."""
    on_folds: dict[str, dict[int, float]] = {}
    failed: dict[str, str] = {}
    for event in of(Reevaluated, work.journal.events):
        score = event.score(work.run_config.objective)
        if event.state == "completed" and math.isfinite(score):
            on_folds.setdefault(event.trial_id, {})[event.fold] = score
        elif event.state != "skipped":
            failed[event.trial_id] = event.error or f"the {work.run_config.objective} was not finite"
    return on_folds, failed

"""Which trials deserve a second look, the most telling first: what time leaves out is the tail."""

import math
from collections.abc import Mapping, Sequence

from hsiauto.config import RunConfig
from hsiauto.families import config_from
from hsiauto.search.trials import TrialState

PER_FAMILY = 5
"""Configs of a family beside its presets: the search's own fold, which chose them, cannot tell them apart
(results/selection)."""

BEHIND, PLACES = 0.3, 3
"""So far behind the family in the last place (top_k, but at least the third) the search's own fold already tells that
a config cannot come in: of 354 on 11 splits none that did was 0.15 behind (results/selection)."""


def candidates(trials: Mapping[str, TrialState], objective: str) -> list[TrialState]:
    """Of every family that completed: its best PER_FAMILY configs and its presets, each config once.

    In turns the best of each family, the presets, the second best and so on; in each turn those that train faster come
    first, so that a slow network does not use up what all others would need. A preset may have been stopped early.
    """
    every = _completed(trials, objective)
    best: dict[str, dict[str, TrialState]] = {}
    for trial in every:
        best.setdefault(trial.family, {}).setdefault(trial.config_hash, trial)
    turns: list[tuple[int, float, int, TrialState]] = []
    for family, configs in best.items():
        first, *others = list(configs.values())[:PER_FAMILY]
        own = [(0, first), *((1, preset) for preset in presets_of(family, trials)), *enumerate(others, start=2)]
        turns += [(turn, _pace(trial), trial.number, trial) for turn, trial in own]
    chosen: dict[str, TrialState] = {}
    for *_, trial in sorted(turns, key=lambda one: one[:3]):
        if trial.config_hash not in chosen or trial.origin == "preset":
            chosen[trial.config_hash] = trial
    return list(chosen.values())


def with_a_chance(chosen: Sequence[TrialState], objective: str, top_k: int) -> list[TrialState]:
    """`chosen` without those that are more than BEHIND. Presets that were stopped early have no score to judge by."""
    best: dict[str, float] = {}
    for trial in chosen:
        if math.isfinite(score := trial.final_score(objective)):
            best[trial.family] = max(score, best.get(trial.family, score))
    places = sorted(best.values(), reverse=True)[: max(PLACES, top_k)]
    if len(places) < max(PLACES, top_k):
        return list(chosen)
    return [trial for trial in chosen if not trial.final_score(objective) < places[-1] - BEHIND]


def presets_of(family: str, trials: Mapping[str, TrialState]) -> list[TrialState]:
    """The trials of the family's presets but those that cannot be trained."""
    of_family = [trial for trial in trials.values() if trial.family == family and trial.origin == "preset"]
    return [trial for trial in of_family if trial.state not in ("failed", "refused")]


def best_of_kind(kind: str, trials: Mapping[str, TrialState], run_config: RunConfig) -> TrialState | None:
    """The completed trial of a kind (torch, classical) that scored best on the search's validation."""
    every = _completed(trials, run_config.objective)
    return next((trial for trial in every if config_from(trial.config).kind == kind), None)


def _completed(trials: Mapping[str, TrialState], objective: str) -> list[TrialState]:
    """Best first. Ties: the earlier."""
    completed = [trial for trial in trials.values() if math.isfinite(trial.final_score(objective))]
    return sorted(completed, key=lambda trial: (-trial.final_score(objective), trial.number))


def _pace(trial: TrialState) -> float:
    seconds = trial.seconds_per_epoch
    return seconds if math.isfinite(seconds) else math.inf

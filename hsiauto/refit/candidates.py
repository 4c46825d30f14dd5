"""Which trials deserve a second look."""

import math
from collections.abc import Mapping

from hsiauto.config import RunConfig
from hsiauto.families import config_from
from hsiauto.search.trials import TrialState


def candidates(trials: Mapping[str, TrialState], run_config: RunConfig) -> list[TrialState]:
    """The best completed trial of each family, the best `top_k` of them, best first. Ties: the earlier."""
    return _best_of_each(trials, run_config)[: run_config.top_k]


def preset_of(family: str, trials: Mapping[str, TrialState]) -> TrialState | None:
    """The trial of the family's preset, unless it cannot be trained. It may have been stopped early in the search."""
    for trial in trials.values():
        if trial.family == family and trial.origin == "preset" and trial.state not in ("failed", "refused"):
            return trial
    return None


def best_of_kind(kind: str, trials: Mapping[str, TrialState], run_config: RunConfig) -> TrialState | None:
    """The completed trial of a kind (torch, classical) that scored best on the search's validation."""
    every = _best_of_each(trials, run_config)
    return next((trial for trial in every if config_from(trial.config).kind == kind), None)


def _best_of_each(trials: Mapping[str, TrialState], run_config: RunConfig) -> list[TrialState]:
    objective = run_config.objective
    completed = [trial for trial in trials.values() if math.isfinite(trial.final_score(objective))]
    completed.sort(key=lambda trial: (-trial.final_score(objective), trial.number))
    best: dict[str, TrialState] = {}
    for trial in completed:
        best.setdefault(trial.family, trial)
    return list(best.values())

"""Which trials deserve a second look."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.refit.work import config_of
from hsiauto.search.trials import TrialState


@dataclass(frozen=True)
class Candidate:
    trial: TrialState
    config: FamilyConfig
    search_score: float
    """The objective on the search's own validation at full fidelity; NaN for a preset that was stopped before."""

    @property
    def trial_id(self) -> str:
        return self.trial.trial_id

    @property
    def is_preset(self) -> bool:
        return self.trial.origin == "preset"


def choose(trials: Mapping[str, TrialState], run_config: RunConfig) -> list[Candidate]:
    """The best completed trial of each family, the best `study.top_k` of them, best first. Ties: the earlier."""
    completed = [t for t in trials.values() if t.state == "completed" and math.isfinite(t.score(run_config.objective))]
    completed.sort(key=lambda trial: (-trial.score(run_config.objective), trial.number))
    best_of_family: dict[str, TrialState] = {}
    for trial in completed:
        best_of_family.setdefault(trial.family, trial)
    return [_candidate(trial, run_config) for trial in list(best_of_family.values())[: run_config.top_k]]


def preset_of(family: str, trials: Mapping[str, TrialState], run_config: RunConfig) -> Candidate | None:
    """The family's preset as a candidate, unless it cannot be trained. It may have been stopped early in the search."""
    for trial in trials.values():
        if trial.family == family and trial.origin == "preset" and trial.state not in ("failed", "refused"):
            return _candidate(trial, run_config)
    return None


def best_of_kind(kind: str, trials: Mapping[str, TrialState], run_config: RunConfig) -> Candidate | None:
    """The completed trial of a kind (torch, classical) that the search's validation liked best."""
    everyone = choose(trials, run_config.model_copy(update={"top_k": len(trials) + 1}))
    return next((candidate for candidate in everyone if candidate.config.kind == kind), None)


def _candidate(trial: TrialState, run_config: RunConfig) -> Candidate:
    score = trial.score(run_config.objective) if trial.state == "completed" else math.nan
    return Candidate(trial, config_of(trial), score)

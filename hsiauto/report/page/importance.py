"""Which hyperparameters mattered: Optuna's functional ANOVA (Hutter, Hoos, Leyton-Brown, ICML 2014) on the journal."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

from hsiauto.search.optuna_study import quiet_optuna
from hsiauto.search.trials import TrialState

FEWEST = 10
"""Completed trials of a family below which nothing is said of it."""
MOST = 300
"""And above which an even part of them is looked at: 300 with five hyperparameters take 3 s, and 150 of them 1 s."""


def importance(trials: Sequence[TrialState], objective: str) -> dict[str, dict[str, float]]:
    """{family: {hyperparameter: share of the variance of its trials' scores}}, largest first.

    Of hyperparameters that are active in all completed trials of the family and that vary; families with fewer than
    `FEWEST` are left out.
    """
    by_family: dict[str, list[TrialState]] = {}
    for trial in trials:
        score = trial.final_score(objective)
        if score == score:
            by_family.setdefault(trial.family, []).append(trial)
    return {
        family: shares
        for family, mine in sorted(by_family.items())
        if len(mine) >= FEWEST and (shares := _shares(mine[:: -(-len(mine) // MOST)], objective))
    }


def _shares(trials: Sequence[TrialState], objective: str) -> dict[str, float]:
    common = set.intersection(*(set(trial.params) for trial in trials))
    values = {name: [trial.params[name] for trial in trials] for name in sorted(common)}
    varied = {name: _distribution(found) for name, found in values.items() if len({str(v) for v in found}) > 1}
    scores = [trial.final_score(objective) for trial in trials]
    if not varied or max(scores) == min(scores):
        return {}
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
        for trial, score in zip(trials, scores, strict=True):
            params = {name: _value(trial.params[name], varied[name]) for name in varied}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=varied, value=score))
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name.partition(".")[2]: float(share) for name, share in shares.items()}


def _distribution(values: Sequence[Any]) -> BaseDistribution:
    """As wide as what was tried: a journal has no ranges."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return FloatDistribution(min(values), max(values))
    return CategoricalDistribution(sorted({str(value) for value in values}))


def _value(value: Any, distribution: BaseDistribution) -> Any:
    return float(value) if isinstance(distribution, FloatDistribution) else str(value)

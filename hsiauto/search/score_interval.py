"""What a family would reach: interval estimates of the score of a refit, from the learning curves in the journal.

| symbol | meaning |
|---|---|
| v_i | score of a recent trial i at full fidelity: observed, or extrapolated along the family's completed curves |
| b | the best observed v_i |
| s | standard deviation of the v_i, towards the other families' while there are few (PRIOR); its bound at CONFIDENCE |
| n, m | trials so far, and how many more the rest of the budget would buy this family |
| z(n) | expected maximum of n standard normal numbers |
| e | noise of one validation score |

    lower = b - e
    upper = b + e + s (z(n + m) - z(n))

The upper end is what the best of n + m configs would score if the next m were drawn as the first n were. It falls as
the family is tried (z flattens), as the budget runs out (m shrinks), and if the family's configs are all alike.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtri

from hsiauto.search.learning_curves import Completed
from hsiauto.search.trials import TrialState, recent

PRIOR = 3
"""Weight, in trials, of the spread over all families in the spread of one: four alike by chance prove nothing."""

CONFIDENCE = 0.9
"""Probability that a family's configs spread no wider than assumed: eight draws may by chance be half as far apart."""


@dataclass(frozen=True)
class ScoreInterval:
    """The interval in which a refit of a family's best config is expected to score."""

    lower: float
    upper: float

    @property
    def is_finite(self) -> bool:
        """Whether a trial has completed. Until then the interval is (-inf, inf), or empty if none is under way."""
        return math.isfinite(self.lower)


def score_intervals(
    trials: Mapping[str, Sequence[TrialState]], objective: str, further: Mapping[str, float], completed: Completed
) -> dict[str, ScoreInterval]:
    """An interval for each family.

    trials: those of each family. further: how many more of its trials the rest of the budget would buy.
    """
    values = {family: _at_full_fidelity(recent(own), objective, completed) for family, own in trials.items()}
    pooled = _pooled_variance(values.values())
    found: dict[str, ScoreInterval] = {}
    for family, own in trials.items():
        if family not in completed.best:
            under_way = any(not trial.ended for trial in own)
            found[family] = ScoreInterval(-math.inf, math.inf if under_way else -math.inf)
            continue
        v, n, best = values[family], len(own), completed.best[family]
        spread = widest(math.sqrt((_squares(v) + PRIOR * pooled) / (len(v) + PRIOR)), len(v) + PRIOR)
        gain = spread * (expected_maximum(n + further[family]) - expected_maximum(n))
        found[family] = ScoreInterval(best - completed.noise, best + completed.noise + gain)
    return found


def expected_maximum(n: float) -> float:
    """The expected maximum of n standard normal numbers (Blom 1958)."""
    return float(ndtri((n - 0.375) / (n + 0.25))) if n > 1 else 0.0


def widest(spread: float, n: int) -> float:
    """The upper bound, at CONFIDENCE, of a standard deviation that is `spread` in `n` normal numbers."""
    return spread * math.sqrt(n / float(chdtri(n - 1, CONFIDENCE)))


def _at_full_fidelity(trials: Sequence[TrialState], objective: str, completed: Completed) -> list[float]:
    values: list[float] = []
    for trial in trials:
        score = trial.score(objective)
        if math.isfinite(score) and trial.state != "refused":
            end = score if trial.state == "completed" else completed.end_of(trial)
            values += [] if end is None else [end]
    return values


def _pooled_variance(values: Iterable[Sequence[float]]) -> float:
    """The variance within families."""
    groups = [v for v in values if v]
    total = sum(len(v) for v in groups)
    return sum(map(_squares, groups)) / total if total else 0.0


def _squares(values: Sequence[float]) -> float:
    """The sum of squared distances from the mean. 0 without values: a family's recent trials may all have failed."""
    return len(values) * float(np.var(values)) if values else 0.0

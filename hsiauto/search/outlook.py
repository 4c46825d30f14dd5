"""What a family would reach: interval estimates of the score of a refit, from the learning curves in the journal.

| symbol | meaning |
|---|---|
| v_i | score of trial i at full fidelity: observed, or extrapolated along the family's completed curves |
| b | the best observed v_i |
| s | standard deviation of the v_i, drawn towards the other families' while there are few (PRIOR) |
| n, m | trials so far, and how many more the rest of the budget would buy this family |
| z(n) | expected maximum of n standard normal numbers |
| e | noise of one validation score |

    lower = b - e
    upper = b + e + s (z(n + m) - z(n))

The upper end is what the best of n + m configs would score if the next m were drawn as the first n were. It falls as
the family is tried (z flattens), as the budget runs out (m shrinks), and where the family's configs are all alike.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, pvariance

from scipy.special import ndtri

from hsiauto.search.journal import TrialState

PRIOR = 3
"""Trials that the spread over all families counts as, in the spread of one: four alike by chance prove nothing."""

Curve = Mapping[int, float]
"""Epoch -> score."""


@dataclass(frozen=True)
class Outlook:
    """Of one family: the interval in which a refit of its best config is expected to score."""

    lower: float
    upper: float

    @property
    def known(self) -> bool:
        """Whether a trial has completed. Until then the interval is (-inf, inf), or empty where none is under way."""
        return math.isfinite(self.lower)


def outlooks(
    trials: Mapping[str, Sequence[TrialState]], objective: str, further: Mapping[str, float]
) -> dict[str, Outlook]:
    """By family. trials: of each family; further: how many more of its trials the rest of the budget would buy."""
    curves = {family: [(t.state == "completed", curve(t, objective)) for t in own] for family, own in trials.items()}
    completed = {family: [c for done, c in own if done and c] for family, own in curves.items()}
    noise = score_noise([c for own in completed.values() for c in own])
    values = {family: _at_full_fidelity(own, completed[family]) for family, own in curves.items()}
    pooled = _pooled_variance(values.values())
    found: dict[str, Outlook] = {}
    for family, own in trials.items():
        if not completed[family]:
            under_way = any(not trial.ended for trial in own)
            found[family] = Outlook(-math.inf, math.inf if under_way else -math.inf)
            continue
        v, n = values[family], len(own)
        spread = math.sqrt((len(v) * pvariance(v) + PRIOR * pooled) / (len(v) + PRIOR))
        best = max(c[max(c)] for c in completed[family])
        gain = spread * (expected_maximum(n + further[family]) - expected_maximum(n))
        found[family] = Outlook(best - noise, best + noise + gain)
    return found


def curve(trial: TrialState, objective: str) -> dict[int, float]:
    """The trial's finite scores by epoch."""
    name = f"val_{objective}"
    return {r["epoch"]: r[name] for r in trial.reports if r[name] is not None}


def score_noise(completed: Iterable[Curve]) -> float:
    """Standard deviation of a validation score: from the second differences over the later half of completed curves.

    There the curve itself is nearly straight, and second differences of noise have six times its variance. 0 where no
    curve has three scores in its later half.
    """
    squares: list[float] = []
    for whole in completed:
        late = list(whole.values())[len(whole) // 2 :]
        squares += [(late[i] - 2 * late[i + 1] + late[i + 2]) ** 2 / 6 for i in range(len(late) - 2)]
    return math.sqrt(sum(squares) / len(squares)) if squares else 0.0


def expected_maximum(n: float) -> float:
    """Of n standard normal numbers (Blom 1958)."""
    return float(ndtri((n - 0.375) / (n + 0.25))) if n > 1 else 0.0


def _at_full_fidelity(curves: Sequence[tuple[bool, Curve]], completed: Sequence[Curve]) -> list[float]:
    """What each curve ended at, or would end at if it went on in proportion to the completed ones; at most 1."""
    values: list[float] = []
    for done, own in curves:
        epoch = max(own, default=0)
        ratios = [1.0] if done else [c[max(c)] / c[epoch] for c in completed if c.get(epoch, 0.0) > 0.0]
        if own and ratios:
            values.append(min(1.0, own[epoch] * median(ratios)))
    return values


def _pooled_variance(values: Iterable[Sequence[float]]) -> float:
    """Within families."""
    groups = [v for v in values if v]
    total = sum(len(v) for v in groups)
    return sum(len(v) * pvariance(v) for v in groups) / total if total else 0.0

"""The order of the candidates, from validation alone.

1. A candidate's score is its mean objective over the deciding folds. The search's own fold chose the candidates, so it
   flatters them; it only breaks ties, and fills in if time ran out:
2. a missing score is what the candidate's other scores predict, in an additive model: its mean over the folds that it
   has, plus how much the missing one differs from those for candidates that have all. If no candidate has all, the
   search's own fold decides.
3. A candidate whose training failed on a deciding fold stands behind all whose training did not.
4. A tuned config stands below a preset of its family unless it is better than it beyond the noise: its mean paired
   difference over the deciding folds must exceed the standard error of that mean (with one fold, or on the search's
   own, it must exceed 0). The preset then stands for the family, at the preset's own score.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.search.trials import TrialState

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """An order of trials."""

    order: tuple[str, ...]
    """Trial ids, best first."""
    reasons: dict[str, str]
    """Trial id -> why it stands where it stands, in their order, then what has no score."""
    scores: dict[str, float]
    """Trial id -> the score that decides; NaN, or none after a failure, if there is no such."""


def rank(
    candidates: Sequence[TrialState],
    objective: str,
    on_folds: Mapping[str, Mapping[int, float]],
    failed: Mapping[str, str],
) -> Ranking:
    """Order `candidates`. `on_folds[trial_id][fold]`: objective on a deciding fold; `failed[trial_id]`: the error."""
    on_search = {c.trial_id: c.final_score(objective) for c in candidates}
    standing = [c for c in candidates if c.trial_id not in failed]
    scores, reasons = _scores({c.trial_id: on_search[c.trial_id] for c in standing}, on_folds)
    ordered = sorted(
        (c for c in standing if math.isfinite(scores[c.trial_id])),
        key=lambda c: (
            -scores[c.trial_id],
            -on_search[c.trial_id] if math.isfinite(on_search[c.trial_id]) else math.inf,
            c.number,
        ),
    )
    for preset in [c for c in ordered if c.origin == "preset"]:
        for tuned in [c for c in ordered if c.family == preset.family and c.origin != "preset"]:
            both = (tuned.trial_id, preset.trial_id)
            ours, theirs = (on_folds.get(i, {}) for i in both)
            if not ours.keys() & theirs.keys():
                ours, theirs = ({0: on_search[i]} for i in both)
            better, words = beats(ours, theirs, "its preset")
            reasons[tuned.trial_id] += f"; {words}"
            if not better and ordered.index(tuned) < ordered.index(preset):
                ordered.remove(tuned)
                ordered.insert(ordered.index(preset) + 1, tuned)
    last = sorted(
        (c for c in candidates if c.trial_id in failed),
        key=lambda c: (-on_search[c.trial_id] if math.isfinite(on_search[c.trial_id]) else math.inf, c.number),
    )
    unscored = sorted((c for c in standing if c not in ordered), key=lambda c: c.number)
    reasons |= {c.trial_id: f"failed on a deciding fold: {failed[c.trial_id]}" for c in last}
    reasons |= {c.trial_id: "no score at full fidelity: not ranked" for c in unscored}
    in_order = {c.trial_id: reasons[c.trial_id] for c in (*ordered, *last, *unscored)}
    return Ranking(tuple(c.trial_id for c in (*ordered, *last)), in_order, scores)


def beats(ours: Mapping[int, float], theirs: Mapping[int, float], name: str) -> tuple[bool, str]:
    """Whether one is better than another beyond the paired noise over the folds that both have, and that in words.

    name: the other one's. What has no score to compare with is beaten.
    """
    difference = np.array([ours[fold] - theirs[fold] for fold in sorted(ours.keys() & theirs.keys())])
    mean, n = float(difference.mean()) if len(difference) else math.nan, len(difference)
    if not math.isfinite(mean):
        return True, f"{name} has no score to compare with"
    error = float(difference.std(ddof=1) / math.sqrt(n)) if n > 1 else 0.0
    better = mean > error
    return better, f"{mean:+.4f} +- {error:.4f} against {name}, {'beyond' if better else 'within'} the noise"


def _scores(
    on_search: Mapping[str, float], on_folds: Mapping[str, Mapping[int, float]]
) -> tuple[dict[str, float], dict[str, str]]:
    """The score that decides, and in words where it comes from, by trial id."""
    ids = list(on_search)
    folds = sorted({fold for i in ids for fold in on_folds.get(i, {})})
    rows = [[on_search[i], *(on_folds.get(i, {}).get(fold, math.nan) for fold in folds)] for i in ids]
    table = np.array(rows, dtype=np.float64).reshape(len(ids), 1 + len(folds))
    measured = np.isfinite(table)
    complete: npt.NDArray[np.bool_] = np.all(measured, axis=1, keepdims=False)
    if not folds or not (complete.any() or measured[:, 1:].all()):
        return dict(zip(ids, table[:, 0].tolist(), strict=True)), {
            i: f"{s:.4f} on the search's own fold: no candidate had every deciding one"
            for i, s in zip(ids, table[:, 0], strict=True)
        }
    filled = _filled(table, complete)
    mean = filled[:, 1:].mean(axis=1)
    reasons = {
        i: f"{score:.4f} mean over {len(folds)} fold{'s' if len(folds) > 1 else ''}"
        + (f", {missing} of them predicted" if missing else "")
        for i, score, missing in zip(ids, mean, (~measured[:, 1:]).sum(axis=1), strict=True)
    }
    return dict(zip(ids, mean.tolist(), strict=True)), reasons


def _filled(table: Matrix, complete: npt.NDArray[np.bool_]) -> Matrix:
    """`table` (candidates, 1 + folds) with each missing score predicted; NaN for a candidate without any."""
    filled = table.copy()
    if not complete.any():
        return filled
    of_validation = table[complete].mean(axis=0)
    for index in np.flatnonzero(~complete):
        row = filled[index]
        has = np.isfinite(row)
        if has.any():
            offset = (row[has] - of_validation[has]).mean()
            row[~has] = of_validation[~has] + offset
    return filled

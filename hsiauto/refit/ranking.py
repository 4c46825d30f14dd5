"""The final order of the candidates, from validation alone.

1. A candidate's score is its mean objective over the fresh validations. The search's own validation chose the
   candidates, so it flatters them; it only breaks ties, and fills in if time ran out:
2. a missing fresh score is what the candidate's other scores predict, in an additive model: its mean over the
   validations that it has, plus how much the missing one differs from those for candidates that have all. If no
   candidate has all, the search's own validation decides.
3. A candidate whose training failed on a fresh validation stands behind all whose training did not.
4. A tuned config stands below its family's preset unless it is better than it by more than the noise: its mean paired
   difference over the fresh validations must exceed the standard error of that mean (with one fresh validation, or on
   the search's own, it must exceed 0). The preset then stands for the family, at the preset's own score.
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
    """Trial id -> why it stands where it stands."""


def rank(
    candidates: Sequence[TrialState],
    objective: str,
    fresh: Mapping[str, Mapping[int, float]],
    failed: Mapping[str, str],
) -> Ranking:
    """Order `candidates`. `fresh[trial_id][seed]`: objective on a fresh validation; `failed[trial_id]`: the error."""
    on_search = {c.trial_id: c.final_score(objective) for c in candidates}
    standing = [c for c in candidates if c.trial_id not in failed]
    scores, reasons = _scores({c.trial_id: on_search[c.trial_id] for c in standing}, fresh)
    ordered = sorted(
        (c for c in standing if math.isfinite(scores[c.trial_id])),
        key=lambda c: (
            -scores[c.trial_id],
            -on_search[c.trial_id] if math.isfinite(on_search[c.trial_id]) else math.inf,
            c.number,
        ),
    )
    for preset in [c for c in ordered if c.origin == "preset"]:
        for tuned in [c for c in ordered if c.family == preset.family and c is not preset]:
            words, better = _beats(tuned.trial_id, preset.trial_id, on_search, fresh)
            reasons[tuned.trial_id] += f"; {words}"
            if not better and ordered.index(tuned) < ordered.index(preset):
                ordered.remove(tuned)
                ordered.insert(ordered.index(preset) + 1, tuned)
    last = [c for c in candidates if c.trial_id in failed]
    reasons |= {c.trial_id: f"failed on a fresh validation: {failed[c.trial_id]}" for c in last}
    reasons |= {c.trial_id: "no score at full fidelity: not ranked" for c in standing if c not in ordered}
    last.sort(key=lambda c: -on_search[c.trial_id] if math.isfinite(on_search[c.trial_id]) else math.inf)
    return Ranking(tuple(c.trial_id for c in (*ordered, *last)), reasons)


def _scores(
    on_search: Mapping[str, float], fresh: Mapping[str, Mapping[int, float]]
) -> tuple[dict[str, float], dict[str, str]]:
    """The score that decides, and in words where it comes from, by trial id."""
    ids = list(on_search)
    seeds = sorted({seed for i in ids for seed in fresh.get(i, {})})
    rows = [[on_search[i], *(fresh.get(i, {}).get(seed, math.nan) for seed in seeds)] for i in ids]
    table = np.array(rows, dtype=np.float64).reshape(len(ids), 1 + len(seeds))
    measured = np.isfinite(table)
    complete: npt.NDArray[np.bool_] = np.all(measured, axis=1, keepdims=False)
    if not seeds or not (complete.any() or measured[:, 1:].all()):
        return dict(zip(ids, table[:, 0].tolist(), strict=True)), {
            i: f"{s:.4f} on the search's own validation: no candidate had every fresh one"
            for i, s in zip(ids, table[:, 0], strict=True)
        }
    filled = _filled(table, complete)
    mean = filled[:, 1:].mean(axis=1)
    reasons = {
        i: f"{score:.4f} mean over {len(seeds)} fresh validations"
        + (f", {missing} of them predicted" if missing else "")
        for i, score, missing in zip(ids, mean, (~measured[:, 1:]).sum(axis=1), strict=True)
    }
    return dict(zip(ids, mean.tolist(), strict=True)), reasons


def _filled(table: Matrix, complete: npt.NDArray[np.bool_]) -> Matrix:
    """`table` (candidates, 1 + fresh) with each missing fresh score predicted; NaN if a candidate has no score."""
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


def _beats(
    tuned: str, preset: str, on_search: Mapping[str, float], fresh: Mapping[str, Mapping[int, float]]
) -> tuple[str, bool]:
    """Whether trial `tuned` is better than trial `preset` beyond the paired noise, and that in words."""
    ours, theirs = fresh.get(tuned, {}), fresh.get(preset, {})
    difference = np.array([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])
    if len(difference) == 0:
        difference = np.array([on_search[tuned] - on_search[preset]])
    mean, n = float(difference.mean()), len(difference)
    if not math.isfinite(mean):
        return "its preset has no score to compare with", True
    error = float(difference.std(ddof=1) / math.sqrt(n)) if n > 1 else 0.0
    better = mean > error
    return f"{mean:+.4f} +- {error:.4f} against its preset, {'beyond' if better else 'within'} the noise", better

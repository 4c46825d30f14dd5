"""What a reader may try next, in sentences: from validation, labels and budget; no choice among test scores."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from hsiauto.leaderboard.storage import object_in
from hsiauto.leaderboard.summary import own_split
from hsiauto.search.trials import TrialState

_LATE = 0.8
"""Share of a search after which a new best score says that it was not over."""
_HARD, _FEW = 0.5, 30
"""A class of which the winner finds less, or that has fewer test pixels, is worth more labels."""


def advice(table: pa.Table, trials: Sequence[TrialState], objective: str, folder: Path) -> list[str]:
    """Sentences; empty if nothing suggests itself."""
    return [*_more_trials(trials, objective, folder), *_more_labels(table)]


def _more_trials(trials: Sequence[TrialState], objective: str, folder: Path) -> list[str]:
    scores = [trial.final_score(objective) for trial in trials]
    finite = [(score, i) for i, score in enumerate(scores, start=1) if score == score]
    if len(finite) < 2:
        return []
    _, best = max(finite, key=lambda pair: (pair[0], -pair[1]))
    if best <= _LATE * len(trials):
        return []
    return [
        f"The best validation {objective} came with trial {best} of {len(trials)}, so more trials may find more: "
        f"`hsiauto search --resume {folder} --budget {2 * len(trials)}`."
    ]


def _more_labels(table: pa.Table) -> list[str]:
    rows = [row for row in own_split(table.to_pylist()) if row["rank"] == 1 and row["test_per_class"]]
    if not rows:
        return []
    recalls = object_in(rows[0]["test_per_class"], "test_per_class", float | None)
    pixels = object_in(rows[0]["test_pixels_per_class"], "test_pixels_per_class", int)
    hard = [name for name, recall in recalls.items() if recall is not None and recall < _HARD]
    few = [name for name, count in pixels.items() if 0 < count < _FEW]
    said = []
    if hard:
        said.append(
            f"The winner finds less than half of {_listed(hard)}: more labels there, in other fields, help most."
        )
    if few:
        said.append(
            f"{_listed(few)} {'has' if len(few) == 1 else 'have'} fewer than {_FEW} test pixels: what is said of "
            f"{'it' if len(few) == 1 else 'them'} is hardly known."
        )
    return said


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

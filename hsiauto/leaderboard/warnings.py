"""Why the figures of a leaderboard may say less than they seem to."""

import math

import pyarrow as pa

from hsiauto.leaderboard.storage import object_in
from hsiauto.leaderboard.summary import own_split
from hsiauto.metrics import ROUNDING
from hsiauto.split.validation import few_pixels


def table_warnings(table: pa.Table) -> list[str]:
    """Sentences about the table as a whole; empty if nothing is wrong with it."""
    return [*_few_test_pixels(table), *_constant_objective(table)]


def _few_test_pixels(table: pa.Table) -> list[str]:
    """Of the run's own split."""
    counts = next(filter(None, (row["test_pixels_per_class"] for row in own_split(table.to_pylist()))), None)
    return few_pixels("test", object_in(counts, "test_pixels_per_class", int).items())


def _constant_objective(table: pa.Table) -> list[str]:
    """A search whose trials all have the same score chose by nothing."""
    done = [row for row in table.to_pylist() if row["kind"] == "trial" and row["state"] == "completed"]
    if len({row["config_hash"] for row in done}) < 2:
        return []
    objective = done[0]["objective"]
    scores = [math.nan if row[f"val_{objective}"] is None else row[f"val_{objective}"] for row in done]
    if not max(scores) - min(scores) < ROUNDING:
        return []
    return [
        f"all {len(done)} trials that were trained to the end have the same validation {objective}, {scores[0]:.4f}: "
        "it tells no model from another, and the first of them stands before the others"
    ]

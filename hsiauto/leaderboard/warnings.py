"""Why the figures of a leaderboard may say less than they seem to."""

import math

import pyarrow as pa

from hsiauto.metrics import ROUNDING


def table_warnings(table: pa.Table) -> list[str]:
    """Sentences about the table as a whole; empty if nothing is wrong with it."""
    return _constant_objective(table)


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

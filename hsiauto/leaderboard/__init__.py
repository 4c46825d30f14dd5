"""The leaderboard: one table of everything that a run did, a function of its journals, as Parquet."""

from hsiauto.leaderboard.rows import Context, rows
from hsiauto.leaderboard.schema import COLUMNS, SCHEMA_VERSION
from hsiauto.leaderboard.statements import (
    applicability_statement,
    classes_statement,
    distance_statement,
    label_statement,
    winner_statement,
)
from hsiauto.leaderboard.storage import read, write
from hsiauto.leaderboard.summary import SummaryRow, summary
from hsiauto.leaderboard.warnings import table_warnings

__all__ = [
    "COLUMNS",
    "SCHEMA_VERSION",
    "Context",
    "SummaryRow",
    "applicability_statement",
    "classes_statement",
    "distance_statement",
    "label_statement",
    "read",
    "rows",
    "summary",
    "table_warnings",
    "winner_statement",
    "write",
]

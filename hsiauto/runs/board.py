"""The leaderboard of a run, for a notebook."""

import html
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from hsiauto import leaderboard as boards
from hsiauto.errors import UserError
from hsiauto.leaderboard.summary import Spread
from hsiauto.runs import folder as folders
from hsiauto.settings import typed_path

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Leaderboard:
    """What a run has tried and scored."""

    table: pa.Table
    """A row for each trial, refit and baseline; the columns are described in its schema."""

    @classmethod
    def load(cls, run: str | Path) -> Self:
        """That of a run folder, or of a leaderboard.parquet. Raises UserError for another file."""
        path: Path = typed_path(run)
        return cls(boards.read(path / folders.LEADERBOARD if path.is_dir() else path))

    def to_pandas(self) -> "pd.DataFrame":
        """Every row. Raises UserError if pandas is not installed."""
        try:
            return self.table.to_pandas()
        except ModuleNotFoundError as error:
            raise UserError("`to_pandas` needs pandas", error.name, "pip install pandas") from error

    @property
    def summary(self) -> list[boards.SummaryRow]:
        """One row for each config that was retrained, on the run's own split: ranked ones first."""
        return boards.summary(self.table)

    @property
    def statements(self) -> tuple[str, ...]:
        """What may be said about the winner, and why it may be less than it seems."""
        return (*boards.winner_statement(self.table), *boards.table_warnings(self.table))

    def _repr_html_(self) -> str:
        """The summary and what may be said, as a notebook shows it."""
        rows = [
            (
                *("-" if line.rank is None else str(line.rank), line.family, line.kind, str(line.n_seeds)),
                *map(_percent, (line.test_oa, line.test_aa, line.test_kappa)),
            )
            for line in self.summary
        ]
        head = "".join(f"<th>{name}</th>" for name in ("rank", "family", "kind", "n", "test OA", "AA", "kappa"))
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        said = "".join(f"<li>{html.escape(text)}</li>" for text in self.statements)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{said}</ul>"


def _percent(spread: Spread) -> str:
    if not spread.n:
        return "-"
    return f"{100 * spread.mean:.2f}" + ("" if math.isnan(spread.std) else f" ± {100 * spread.std:.2f}")

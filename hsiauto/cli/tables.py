"""One table for all listings: what a user must type is whole; prose wraps in a terminal, or is left out."""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from hsiauto.cli.console import ENOUGH, output, printable

_PROSE = 16
"""Columns below which prose is left out."""


@dataclass(frozen=True)
class Column:
    """A column: of words that are never cut, of numbers, or of prose."""

    name: str
    number: bool = False
    prose: bool = False


def print_rows(columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, as_json: bool = False) -> None:
    """Print rows: a table in a terminal, aligned and unwrapped lines in a pipe, or a JSON object a line."""
    if as_json:
        for row in rows:
            print_json({column.name: value for column, value in zip(columns, row, strict=True)})
        return
    console = output()
    texts = [["-" if value is None else printable(str(value)) for value in row] for row in rows]
    table = _fitting(columns, texts, console)
    if table is None:  # the terminal wraps what it has no room for
        console = output(wide=True)
        table = _table(columns, texts, range(len(columns)), console)
    console.print(table)


def print_json(fields: Mapping[str, Any]) -> None:
    """Print one JSON object on one line; what JSON has no number for is null."""
    finite = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in fields.items()}
    sys.stdout.write(json.dumps(finite, default=str) + "\n")
    sys.stdout.flush()  # who reads a pipe has each line when it is there


def framed(console: Console, title: str | None = None, caption: str | None = None) -> Table:
    """An empty table in the look of all: a rule below its head in a terminal, plain rows in a pipe."""
    return Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )


def width(table: Table, console: Console) -> int:
    """Columns that a table takes if nothing in it is cut or wrapped."""
    return _measure(table, console).maximum


def _measure(table: Table, console: Console) -> Measurement:
    return console.measure(table, options=console.options.update(width=ENOUGH))


def _fitting(columns: Sequence[Column], texts: Sequence[Sequence[str]], console: Console) -> Table | None:
    """The table with as much of the prose as there is room for; None: there is not even room for the words."""
    prose = [place for place, column in enumerate(columns) if column.prose]
    for n_prose in range(len(prose), -1, -1):
        kept = [place for place, column in enumerate(columns) if not column.prose or place in prose[:n_prose]]
        table = _table(columns, texts, kept, console)
        if _measure(table, console).minimum <= console.width:
            return table
    return None


def _table(columns: Sequence[Column], texts: Sequence[Sequence[str]], kept: Iterable[int], console: Console) -> Table:
    table = framed(console)
    places = list(kept)
    for place in places:
        column = columns[place]
        longest = max(len(column.name), *(len(row[place]) for row in texts), 0)
        table.add_column(
            column.name,
            no_wrap=not column.prose,
            justify="right" if column.number else "left",
            min_width=min(_PROSE, longest) if column.prose else longest,
        )
    for row in texts:
        table.add_row(*(row[place] for place in places))
    return table

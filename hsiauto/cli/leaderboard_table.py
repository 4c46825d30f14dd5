"""The leaderboard on the console."""

import math
import statistics
from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from hsiauto.cli.tables import Column, framed, print_rows, width
from hsiauto.leaderboard import SummaryRow, classes_statement, distance_statement, summary
from hsiauto.leaderboard.storage import object_in
from hsiauto.leaderboard.summary import Spread, held_out
from hsiauto.metrics import Interval

_TEXT = ("rank", "family", "cell", "kind", "labels")
_DROPPED_FIRST = ("ECE", "pixels/s", "fit s", "parameters", "folds val", "val OA", "kappa", "overlap", "AA")
"""Columns that a terminal may be too narrow for. The others are always there, and no figure is ever cut."""


def print_leaderboard(table: pa.Table, console: Console, *, trials: bool = False) -> None:
    """Refits and baselines, a line each; with `trials` every started trial after them."""
    lines = summary(table)
    if lines:
        console.print(_fitting(lines, table, console))
        for line in lines:
            if line.note:
                console.print(f"{line.family}: {line.note}", style="dim")
        _print_scenes(table)
    elif table.num_rows:
        console.print("no config has been retrained yet: only trials")
    if trials or not lines:
        console.print("\ntrials, by validation")
        _print_trials(table)


def _print_scenes(table: pa.Table) -> None:
    """The winner with each scene held out once, and the mean; nothing unless scenes were held out."""
    rows = held_out(table.to_pylist())
    names = ("test_oa", "test_aa", "test_kappa")
    if len(rows) < 2:
        return
    cells = [(row["scene"], f"{row['pixels_test']:,}", *(_percent(row[name]) for name in names)) for row in rows]
    means = [_percent(statistics.fmean(row[name] for row in rows if row[name] is not None)) for name in names]
    columns = [Column("held out"), *(Column(name, number=True) for name in ("test pixels", "test OA", "AA", "kappa"))]
    print_rows(columns, [*cells, ("mean", "", *means)])


def _fitting(lines: list[SummaryRow], table: pa.Table, console: Console) -> Table:
    """All columns that fit into the terminal; the caption names the others."""
    validated = any(row["kind"] == "refit" and row["labels_val"] for row in table.to_pylist())
    objective: str = table["objective"][0].as_py()
    said = list(filter(None, (distance_statement(table), classes_statement(table))))
    columns = _columns(lines)
    left_out: list[str] = []
    for name in ("", *_DROPPED_FIRST):
        if columns.pop(name, None) is not None:
            left_out.insert(0, name)
        fitting = framed(console, *_words(lines, columns, left_out, objective, validated, said))
        _fill(fitting, lines, columns)
        if width(fitting, console) <= console.width:
            break
    return fitting


def _words(
    lines: Sequence[SummaryRow],
    columns: Collection[str],
    left_out: Sequence[str],
    objective: str,
    validated: bool,
    said: Sequence[str],
) -> tuple[str, str]:
    """Title and caption. `validated`: the validation part was left out of training. `said`: of the split."""
    caption = ["%, mean ± standard deviation over n trainings", *said]
    if "95 %" in columns:
        caption.append("95 %: what so many test pixels allow for the OA, were they independent")
    if "ECE" in columns:
        caption.append("ECE: how far the probability of the predicted class is from how often it is right")
    if "overlap" in columns:
        caption.append("overlap: test patches that contain a training pixel")
    if "labels" in columns:
        caption.append("labels: how many were asked for, and how they were chosen")
    if "val OA" in columns:
        caption.append("val OA: on the search's validation")
    if "folds val" in columns:
        caption.append(f"folds val: mean {objective} over further validation folds")
    if left_out:
        caption.append(f"a wider terminal also shows {', '.join(left_out)}")
    trained_on = "trained without the validation part" if validated else "retrained on train + validation"
    pixels = next((f"{line.pixels_test:,} test pixels" for line in lines if line.pixels_test), "test")
    return f"{trained_on}, scored once on {pixels}", "\n".join(caption)


def _fill(table: Table, lines: list[SummaryRow], columns: Mapping[str, Sequence[str]]) -> None:
    for name in columns:
        table.add_column(name, justify="left" if name in _TEXT else "right", no_wrap=name != "cell", overflow="fold")
    for i, line in enumerate(lines):
        style = "bold" if line.rank == 1 else "dim" if line.kind == "baseline" else None
        table.add_row(*(cells[i] for cells in columns.values()), style=style)


def _columns(lines: list[SummaryRow]) -> dict[str, list[str]]:
    """Heading -> a cell for each line. Where nothing has a value there is no column."""
    ranked, of_run = any(line.rank is not None for line in lines), any(line.cell for line in lines)
    asked = any(line.acquisition for line in lines)
    columns = {"rank": ["-" if line.rank is None else str(line.rank) for line in lines]} if ranked else {}
    columns["family"] = [line.family for line in lines]
    if of_run:
        columns["cell"] = [_cell(line.cell) for line in lines]
    columns["kind"] = [line.kind for line in lines]
    if asked:
        columns["labels"] = [f"{_number(line.labels_train, '.0f')} {line.acquisition or ''}" for line in lines]
    columns["n"] = [str(line.n_seeds) for line in lines]
    columns["test OA"] = [_spread(line.test_oa) for line in lines]
    intervals = [_interval(line.test_oa_interval) for line in lines]
    if set(intervals) != {"-"}:
        columns["95 %"] = intervals
    columns["AA"] = [_spread(line.test_aa) for line in lines]
    columns["kappa"] = [_spread(line.test_kappa) for line in lines]
    if any(line.test_ece.n for line in lines):
        columns["ECE"] = [_spread(line.test_ece) for line in lines]
    columns["overlap"] = [_percent(line.overlap_contains) for line in lines]
    costs = {
        "val OA": [_percent(line.val_oa) for line in lines],
        "folds val": [_percent(line.val_folds_mean) for line in lines],
        "parameters": [f"{line.parameters:,}" if line.parameters else "-" for line in lines],
        "fit s": [_number(line.fit_seconds, ".1f") for line in lines],
        "pixels/s": [_number(line.predict_pixels_per_second, ",.0f") for line in lines],
    }
    return columns | {name: cells for name, cells in costs.items() if set(cells) != {"-"}}


def _print_trials(board: pa.Table) -> None:
    columns = [Column(name) for name in ("trial", "family", "state")]
    columns += [Column(name, number=True) for name in ("epochs", "val OA", "val kappa", "parameters", "fit s")]
    trials = [row for row in board.to_pylist() if row["kind"] == "trial"]
    rows = [
        (
            row["trial_id"],
            row["family"],
            row["state"],
            row["epochs"] or 0,
            _percent(row["val_oa"]),
            _percent(row["val_kappa"]),
            f"{row['parameters']:,}" if row["parameters"] else None,
            _number(row["fit_seconds"], ".1f"),
            row["error"].splitlines()[-1][:80] if row["error"] else "",
        )
        for row in sorted(trials, key=lambda row: (row["state"] != "completed", -(row["val_kappa"] or 0.0)))
    ]
    print_rows([*columns, Column("error", prose=True)], rows)


def _cell(cell: str | None) -> str:
    return ", ".join(f"{axis}={value}" for axis, value in object_in(cell, "cell").items())


def _spread(spread: Spread) -> str:
    if not spread.n:
        return "-"
    return f"{100 * spread.mean:.2f}" + ("" if math.isnan(spread.std) else f"±{100 * spread.std:.2f}")


def _interval(interval: Interval) -> str:
    return "-" if math.isnan(interval.low) else f"{100 * interval.low:.1f}-{100 * interval.high:.1f}"


def _percent(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None or math.isnan(value) else format(value, form)

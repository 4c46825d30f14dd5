"""The leaderboard on the console."""

import json
import math

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hsiauto.leaderboard import SummaryRow, summary
from hsiauto.leaderboard.summary import Spread

_WIDE = 110
"""Columns of a terminal from which the costs are shown too."""


def print_leaderboard(table: pa.Table, console: Console, *, trials: bool = False) -> None:
    """Refits and baselines, a line each; with `trials` every started trial after them."""
    lines = summary(table)
    if lines:
        console.print(_refits(lines, table["objective"][0].as_py(), wide=console.width >= _WIDE))
        for line in lines:
            if line.note:
                console.print(f"{line.family}: {line.note}", markup=False, highlight=False, style="dim")
    elif table.num_rows:
        console.print("no config has been retrained yet: only trials", highlight=False)
    if trials or not lines:
        console.print(_trials(table))


def _refits(lines: list[SummaryRow], objective: str, wide: bool) -> Table:
    caption = "%, mean ± standard deviation over n seeds; overlap: test patches that contain a training pixel"
    asked, of_study = any(line.acquisition for line in lines), any(line.cell for line in lines)
    if asked:
        caption += "\nlabels: how many were asked for, and how they were chosen"
    if wide:
        caption += f"\nval OA: on the search's validation; fresh val: mean {objective} over fresh validations"
    title = "leaderboard: retrained on train + validation, scored once on test"
    table = Table(box=box.SIMPLE_HEAD, title=title, caption=caption, padding=(0, 1, 0, 0))
    for name in ("rank", "family", *(("cell",) if of_study else ()), "kind"):
        table.add_column(name, no_wrap=name != "cell")
    costs = ("val OA", "fresh val", "parameters", "fit s", "pixels/s") if wide else ()
    labels = ("labels",) if asked else ()
    for name in (*labels, "n", "test OA", "AA", "kappa", "overlap", *costs):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        cells = [
            "-" if line.rank is None else str(line.rank),
            line.family,
            *([_cell(line.cell)] if of_study else []),
            line.kind,
            *([f"{_number(line.labels_train, '.0f')} {line.acquisition or ''}"] if asked else []),
            str(line.n_seeds),
            *(_spread(spread) for spread in (line.test_oa, line.test_aa, line.test_kappa)),
            _percent(line.overlap_contains),
        ]
        if wide:
            cells += [
                _percent(line.val_oa),
                _percent(line.fresh_val_mean),
                f"{line.parameters:,}" if line.parameters else "-",
                _number(line.fit_seconds, ".1f"),
                _number(line.predict_pixels_per_second, ",.0f"),
            ]
        table.add_row(*cells, style="bold" if line.rank == 1 else "dim" if line.kind == "baseline" else None)
    return table


def _trials(board: pa.Table) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="trials, by validation")
    for name in ("trial", "family", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("epochs", "val OA", "val kappa", "parameters", "fit s"):
        table.add_column(name, justify="right")
    table.add_column("error")
    rows = [row for row in board.to_pylist() if row["kind"] == "trial"]
    for row in sorted(rows, key=lambda r: (r["state"] != "completed", -(r["val_kappa"] or 0.0))):
        table.add_row(
            row["trial_id"],
            row["family"],
            row["state"],
            str(row["epochs"] or 0),
            _percent(row["val_oa"]),
            _percent(row["val_kappa"]),
            "-" if not row["parameters"] else f"{row['parameters']:,}",
            _number(row["fit_seconds"], ".1f"),
            escape((row["error"] or "").splitlines()[-1][:80] if row["error"] else ""),
        )
    return table


def _cell(cell: str | None) -> str:
    return ", ".join(f"{axis}={value}" for axis, value in json.loads(cell or "{}").items())


def _spread(spread: Spread) -> str:
    if not spread.n:
        return "-"
    return f"{100 * spread.mean:.2f}" + ("" if math.isnan(spread.std) else f"±{100 * spread.std:.2f}")


def _percent(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None or math.isnan(value) else format(value, form)

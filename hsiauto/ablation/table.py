"""The table of a study: mean, standard deviation and n of each cell, and its paired difference from the reference."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hsiauto.ablation.cells import Cell, Grid
from hsiauto.ablation.measures import MEASURES, column, epochs_to, loss_to_reach
from hsiauto.ablation.plan import Run, Training
from hsiauto.metrics import Interval, Paired, paired, wilson
from hsiauto.search.events import Event, Refit, of


@dataclass(frozen=True)
class Line:
    """One measure of one cell."""

    measure: str
    cell: Cell
    is_reference: bool
    mean: float
    """In the stored unit: fractions, bytes, seconds. NaN without a value."""
    std: float
    """Standard deviation (n - 1); NaN below two values."""
    n: int
    missing: int
    """Runs that ended without a value: a failed training, a loss that was never reached."""
    pixels_test: int
    """Test pixels, of the smallest of its splits; 0: the measure is not taken on test."""
    against: Paired | None
    """Cell minus reference over the runs that have both; None for the reference itself and without such a run."""
    p_holm: float
    """`against.p` adjusted by Holm's method over all cells compared in this measure; NaN without a p."""

    @property
    def interval(self) -> Interval:
        """What so many test pixels allow for the mean; NaN unless the measure is a share of them."""
        return wilson(self.mean, self.pixels_test if self.measure == "test_oa" else 0)


def lines(grid: Grid, events: Iterable[Event], measures: Sequence[str], loss_margin: float) -> list[Line]:
    """Return one line for each measure and trained cell, the reference included."""
    latest = {e.key: e for e in of(Refit, events) if e.kind == "refit" and e.state != "skipped"}
    runs = sorted({Run(event.split_seed, event.seed) for event in latest.values()})
    of_cell = {
        cell.key: {run: latest[key] for run in runs if (key := Training(cell, run).key) in latest}
        for cell in grid.cells
    }
    trained = [cell for cell in grid.cells if of_cell[cell.key]]
    sizes = {
        key: min((e.pixels_test for e in own.values() if e.pixels_test), default=0) for key, own in of_cell.items()
    }
    found: list[Line] = []
    for measure in measures:
        values = {cell.key: _values(measure, cell, grid, of_cell, loss_margin) for cell in trained}
        base = values.get(grid.reference.key, {})
        against = {
            key: _against(measure, own, base) if key != grid.reference.key else None for key, own in values.items()
        }
        adjusted = holm({key: pair.p for key, pair in against.items() if pair is not None})
        found += [
            _line(
                measure,
                cell,
                cell.key == grid.reference.key,
                values[cell.key],
                sizes[cell.key],
                against[cell.key],
                adjusted,
            )
            for cell in trained
        ]
    return found


def _values(
    measure: str, cell: Cell, grid: Grid, of_cell: Mapping[str, Mapping[Run, Refit]], loss_margin: float
) -> dict[Run, float]:
    """Values by run; NaN if the training ended without one. `epochs_to_val_loss` counts to the loss that the reference
    reaches in the same run; runs without such a loss are absent."""
    own = of_cell[cell.key]
    if measure != "epochs_to_val_loss":
        return {run: column(measure, event) for run, event in own.items()}
    reference = of_cell[grid.reference.key]
    goals = {run: loss_to_reach(event.val_losses, loss_margin) for run, event in reference.items()}
    return {run: epochs_to(event.val_losses, goals[run]) for run, event in own.items() if run in goals}


def _against(measure: str, own: Mapping[Run, float], base: Mapping[Run, float]) -> Paired | None:
    runs = [run for run, value in own.items() if math.isfinite(value) and math.isfinite(base.get(run, math.nan))]
    if not runs:
        return None
    pair = paired([own[run] for run in runs], [base[run] for run in runs])
    return pair._replace(low=math.nan, high=math.nan, p=math.nan) if MEASURES[measure].counted else pair


def _line(
    measure: str,
    cell: Cell,
    is_reference: bool,
    values: Mapping[Run, float],
    pixels_test: int,
    against: Paired | None,
    adjusted: Mapping[str, float],
) -> Line:
    known = [value for value in values.values() if math.isfinite(value)]
    return Line(
        measure,
        cell,
        is_reference,
        statistics.fmean(known) if known else math.nan,
        statistics.stdev(known) if len(known) > 1 else math.nan,
        len(known),
        len(values) - len(known),
        pixels_test if measure.startswith("test_") else 0,
        against,
        adjusted.get(cell.key, math.nan),
    )


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment of the finite `p`: the k-th smallest of m times (m - k + 1), monotone, at most 1.
    Scandinavian Journal of Statistics 6 (1979), 65-70."""
    finite = sorted((value, key) for key, value in p.items() if math.isfinite(value))
    adjusted: dict[str, float] = {}
    so_far = 0.0
    for place, (value, key) in enumerate(finite):
        so_far = max(so_far, min(1.0, value * (len(finite) - place)))
        adjusted[key] = so_far
    return adjusted


HEADER = (
    *("measure", "unit", "cell", "reference", "mean", "std", "n", "missing", "pixels_test", "mean_low", "mean_high"),
    *("difference", "low", "high", "p", "p_holm", "pairs"),
)
"""Columns of the stored table. pixels_test: null unless the measure is taken on test. mean_low, mean_high: what
so many pixels allow for an OA (95 %, Wilson). difference: cell minus reference. low, high: its 95 % interval."""


def records(lines: Iterable[Line]) -> list[dict[str, object]]:
    """Rows of HEADER in the measure's unit; None for a value that does not exist."""
    rows = []
    for line in lines:
        measure, pair = MEASURES[line.measure], line.against
        scaled = {"mean": line.mean, "std": line.std, "mean_low": line.interval.low, "mean_high": line.interval.high}
        if pair is not None:
            scaled |= {"difference": pair.mean, "low": pair.low, "high": pair.high}
        row: dict[str, object] = dict.fromkeys(HEADER)
        row |= {"measure": line.measure, "unit": measure.unit, "cell": line.cell.name, "reference": line.is_reference}
        row |= {name: value * measure.scale for name, value in scaled.items() if math.isfinite(value)}
        row |= {
            "n": line.n,
            "missing": line.missing,
            "pairs": pair.n if pair else 0,
            "pixels_test": line.pixels_test or None,
        }
        row |= {
            name: p for name, p in (("p", pair.p if pair else math.nan), ("p_holm", line.p_holm)) if math.isfinite(p)
        }
        rows.append(row)
    return rows

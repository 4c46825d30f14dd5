"""distance.png: accuracy against distance from training, and how far test and map lie from it. Drawn from the table."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hsiauto.leaderboard.storage import object_in
from hsiauto.leaderboard.summary import CANARY, Row, own_split
from hsiauto.report.figure import figure_file
from hsiauto.split.distance import BINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WINNER, _CANARY, _UNTESTED = "#0072B2", "#D55E00", "0.93"
"""Of the palette of Okabe and Ito, which colour-blind readers tell apart; and a pale grey."""

Array = npt.NDArray[np.float64]


class Curve(NamedTuple):
    """Test OA (bins,) of a config with the ends of its interval, in %: means over its seeds, which share pixels. NaN if
    nothing lies in a bin."""

    oa: Array
    low: Array
    high: Array


def draw_distance(table: pa.Table, path: Path) -> bool:
    """Draw winner and canary on the left, how test and map lie on the right. False, and nothing is written, without a
    winner that was scored by distance."""
    winner, canary = winner_and_canary(table)
    if not winner:
        return False
    n_test, n_map = (counts(winner[0], name) for name in ("test_pixels_by_distance", "map_pixels_by_distance"))
    with figure_file(path, 10, 4.6) as figure:
        left, right = figure.subplots(1, 2)
        _draw_curve(left, curve(winner), -0.1, "o-", _WINNER, f"winner: {winner[0]['family']}")
        if canary:
            _draw_curve(left, curve(canary), 0.1, "s--", _CANARY, f"canary: {CANARY} (no spectra)")
        for place in np.flatnonzero(n_test == 0):
            left.axvspan(place - 0.5, place + 0.5, color=_UNTESTED, zorder=0)
            left.text(place, 50, "no test pixel", rotation=90, ha="center", va="center", color="0.35")
        left.set_ylim(0, 102)
        left.set_ylabel("test OA (%), 95 % interval")
        left.set_title("accuracy against distance")
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2, fontsize=9)
        _draw_shares(right, n_test, n_map)
        right.set_title(_expected(winner), fontsize=10)
        for axes in (left, right):
            axes.set_xlim(-0.5, len(BINS) - 0.5)
            axes.set_xlabel("distance: pixels to the nearest training pixel")
            axes.grid(axis="y", alpha=0.3)
        left.set_xticks(range(len(BINS)), [f"{name}\nn = {n:,.0f}" for name, n in zip(BINS, n_test, strict=True)])
        right.set_xticks(range(len(BINS)), BINS)
    return True


def winner_and_canary(table: pa.Table) -> tuple[list[Row], list[Row]]:
    """Their rows on the run's own split, as far as they were scored by distance."""
    own = [row for row in own_split(table.to_pylist()) if row["test_oa_by_distance"] and row["test_oa"] is not None]
    return [row for row in own if row["rank"] == 1], [row for row in own if row["family"] == CANARY]


def curve(rows: Sequence[Row]) -> Curve:
    """The curve of one config's refits."""
    values = np.full((len(rows), 3, len(BINS)), math.nan)
    for row, one in zip(rows, values, strict=True):
        oa = object_in(row["test_oa_by_distance"], "test_oa_by_distance", float | None)
        ends = object_in(row["test_interval_by_distance"], "test_interval_by_distance", tuple[float, float] | None)
        for place, name in enumerate(BINS):
            if oa.get(name) is not None and ends.get(name) is not None:
                one[:, place] = 100 * np.array([oa[name], *ends[name]])
    return Curve(*values.mean(axis=0))


def _draw_curve(axes: "Axes", told: Curve, offset: float, style: str, colour: str, label: str) -> None:
    known = np.isfinite(told.oa)
    x, oa = np.flatnonzero(known) + offset, told.oa[known]
    bars = [oa - told.low[known], told.high[known] - oa]
    axes.errorbar(x, oa, yerr=bars, fmt=style, color=colour, capsize=4, linewidth=1.8, markersize=6, label=label)


def _draw_shares(axes: "Axes", n_test: Array, n_map: Array) -> None:
    tested = np.flatnonzero(n_test)
    for (counts, offset, colour), label in zip(
        ((n_test, -0.2, "0.45"), (n_map, 0.2, "#56B4E9")), ("test pixels", "pixels of the map"), strict=True
    ):
        shares = 100 * counts / max(counts.sum(), 1)
        bars = axes.bar(np.arange(len(BINS)) + offset, shares, width=0.38, color=colour, label=label)
        for place, (bar, share) in enumerate(zip(bars, shares, strict=True)):
            if label == "pixels of the map" and place > tested.max():
                bar.set_hatch("//")
            axes.annotate(
                f"{share:.0f}" if share >= 1 or not share else "<1",
                (bar.get_x() + bar.get_width() / 2, share),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
    axes.set_ylabel("share (%)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2, fontsize=9)


def _expected(winner: Sequence[Row]) -> str:
    oa, low, high, beyond = (
        100 * np.mean([row[name] for row in winner])
        for name in ("map_oa", "map_oa_low", "map_oa_high", "map_share_beyond")
    )
    said = f"expected accuracy of the map {oa:.0f} % ({low:.0f} to {high:.0f})"
    return said + (f"\n{beyond:.0f} % of it lies further away than any test pixel" if beyond >= 0.5 else "")


def counts(row: Row, column: str) -> Array:
    """(bins,) pixels of a column of counts by distance."""
    told = object_in(row[column], column, int)
    return np.array([told.get(name, 0) for name in BINS], np.float64)

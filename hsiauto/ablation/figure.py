"""study.png: a panel for each measure, with mean and standard deviation of each cell and the reference marked.

Cells are rows, so that long names stay readable; with a numeric axis `x` they are lines along it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from hsiauto.ablation.definition import Definition, setting
from hsiauto.ablation.measures import MEASURES
from hsiauto.ablation.table import Line
from hsiauto.report.figure import figure_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCE, OTHER = "tab:red", "tab:blue"
_LETTER = 0.1
"""Inches of the title that a letter takes, a wide one: a title that does not fit is broken."""
_LOG_FROM = 20.0
"""A panel is logarithmic from this ratio of the largest to the smallest mean on."""


@dataclass(frozen=True)
class Point:
    """One cell in one panel, in the panel's unit."""

    name: str
    mean: float
    """NaN: no training of the cell has a value."""
    std: float
    """NaN below two values."""
    n: int
    is_reference: bool
    x: float = math.nan
    """Along the axis; NaN where the panel goes by name."""
    series: str = ""
    """The line that it belongs to."""


@dataclass(frozen=True)
class Panel:
    label: str
    """The measure with its unit."""
    points: Sequence[Point]


def draw(name: str, definition: Definition, scene: str, lines: Sequence[Line], path: Path) -> None:
    """Draw `lines`, at least one, to `path`."""
    counts = sorted({line.n for line in lines})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    pixels = next((f", {line.pixels_test:,} test pixels" for line in lines if line.pixels_test), "")
    title = f"{name} on {scene}: mean ± standard deviation, n = {n}{pixels}"
    draw_study(title, panels(definition, lines), path, definition.x)


def panels(definition: Definition, lines: Sequence[Line]) -> list[Panel]:
    """One panel for each measure."""
    return [
        Panel(MEASURES[measure].label, [_point(line, definition.x) for line in lines if line.measure == measure])
        for measure in dict.fromkeys(line.measure for line in lines)
    ]


def _point(line: Line, x: str | None) -> Point:
    values, scale = dict(line.cell.values), MEASURES[line.measure].scale
    along = math.nan if x is None else float(values.pop(x))
    return Point(
        name=line.cell.name,
        mean=line.mean * scale,
        std=line.std * scale,
        n=line.n,
        is_reference=line.is_reference,
        x=along,
        series=setting(values),
    )


def draw_study(title: str, panels: Sequence[Panel], path: Path, along: str | None = None) -> None:
    """Draw `panels` to `path`: along the numeric axis `along`, or by the names of the cells."""
    n_cells = max(len(panel.points) for panel in panels)
    most = max(point.n for panel in panels for point in panel.points)
    columns = len(panels) if along is None else min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    height = 1.6 + 0.32 * n_cells if along is None else 3.8 * rows
    longest = max(len(point.name) for panel in panels for point in panel.points)
    names_width = 0.0 if along else 0.085 * longest
    width = names_width + (3.4 if along is None else 5.6) * columns
    with figure_file(path, width, height) as figure:
        axes = figure.subplots(rows, columns, sharey=along is None, squeeze=False).ravel().tolist()
        for one, panel in zip(axes, panels, strict=False):
            if along is None:
                _by_name(one, panel, most)
            else:
                _along(one, panel, along, most)
                one.legend(fontsize=8, markerscale=0.7)
            one.grid(alpha=0.3)
            one.set_axisbelow(True)
        for empty in axes[len(panels) :]:
            empty.set_visible(False)
        figure.suptitle(fill(title, int(width / _LETTER)), fontsize=11)


def _by_name(axes: "Axes", panel: Panel, most: int) -> None:
    places = range(len(panel.points))
    for place, point in zip(places, panel.points, strict=True):
        if not math.isfinite(point.mean):
            axes.text(
                0.5, place, "no value", transform=axes.get_yaxis_transform(), ha="center", va="center", color="grey"
            )
            continue
        colour = REFERENCE if point.is_reference else OTHER
        axes.errorbar(
            point.mean, place, xerr=_bar(point), fmt="D" if point.is_reference else "o", color=colour, capsize=3
        )
        _note_n(axes, point, (point.mean, place), most)
        if point.is_reference:
            axes.axvline(point.mean, color=REFERENCE, linestyle="--", linewidth=1, alpha=0.6)
    axes.set_yticks(
        list(places), [f"{p.name} (reference)" if p.is_reference else p.name for p in panel.points], fontsize=9
    )
    axes.set_ylim(len(panel.points) - 0.5, -0.5)
    axes.set_xlabel(panel.label)
    if _is_wide(panel.points):
        axes.set_xscale("log")
    else:
        axes.locator_params(axis="x", nbins=5)


def _along(axes: "Axes", panel: Panel, along: str, most: int) -> None:
    for series in dict.fromkeys(point.series for point in panel.points):
        own = sorted((p for p in panel.points if p.series == series and math.isfinite(p.mean)), key=lambda p: p.x)
        if own:
            bars = [_bar(point) or 0.0 for point in own]
            axes.errorbar(
                [p.x for p in own], [p.mean for p in own], yerr=bars, marker="o", capsize=3, label=series or None
            )
    for point in panel.points:
        if math.isfinite(point.mean):
            _note_n(axes, point, (point.x, point.mean), most)
        if point.is_reference and math.isfinite(point.mean):
            axes.plot(
                point.x, point.mean, marker="o", markersize=14, markerfacecolor="none", color=REFERENCE,
                linestyle="none", label="reference",
            )  # fmt: skip
    axes.set_xlabel(along)
    axes.set_ylabel(panel.label)
    if _is_wide(panel.points):
        axes.set_yscale("log")


def _note_n(axes: "Axes", point: Point, at: tuple[float, float], most: int) -> None:
    """Note n at a cell that has fewer values than others."""
    if point.n < most:
        axes.annotate(f"n = {point.n}", at, xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)


def _bar(point: Point) -> float | None:
    return point.std if math.isfinite(point.std) else None


def _is_wide(points: Sequence[Point]) -> bool:
    means = [point.mean for point in points if math.isfinite(point.mean)]
    return bool(means) and min(means) > 0 and max(means) / min(means) >= _LOG_FROM

"""The table of a study -> what its figure draws."""

import math
from collections.abc import Sequence
from pathlib import Path

from hsiauto.ablation.definition import Definition
from hsiauto.ablation.figure import Panel, Point, draw_study
from hsiauto.ablation.measures import MEASURES
from hsiauto.ablation.spelling import setting
from hsiauto.ablation.table import Line


def draw(name: str, definition: Definition, scene: str, lines: Sequence[Line], path: Path) -> None:
    """Draw `lines` to `path`. Needs one line at least."""
    counts = sorted({line.n for line in lines})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    title = f"{name} on {scene}: mean ± standard deviation, n = {n}"
    draw_study(title, panels(definition, lines), path, definition.x)


def panels(definition: Definition, lines: Sequence[Line]) -> list[Panel]:
    """One panel a measure, in their order."""
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

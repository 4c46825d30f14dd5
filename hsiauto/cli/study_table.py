"""The table of a study on the console, and the sentences below it."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from hsiauto.ablation.measures import MEASURES, Measure
from hsiauto.ablation.table import Line
from hsiauto.cli.console import ENOUGH
from hsiauto.cli.tables import framed, width


def print_table(lines: Sequence[Line], console: Console) -> None:
    """A block for each measure, a row for each cell. Where it is narrow names take lines, so that figures are whole."""
    for measure in dict.fromkeys(line.measure for line in lines):
        of_measure = [line for line in lines if line.measure == measure]
        block = _block(MEASURES[measure], of_measure, None, console)
        if width(block, console) > console.width:
            block = _block(MEASURES[measure], of_measure, ENOUGH, console)
        if (over := width(block, console) - console.width) > 0:
            longest = max(len(setting) for line in of_measure for setting in _settings(line))
            block = _block(MEASURES[measure], of_measure, longest - over, console)
        console.print(block)


def _settings(line: Line) -> list[str]:
    """The parts of a cell's name, each with what follows it."""
    return [*line.cell.name.replace(", ", ",\n").split("\n"), *(["(reference)"] if line.is_reference else [])]


def _name(line: Line, most: int | None) -> str:
    """On one line (`most` None), or a line for each setting; those longer than `most` have their value on another."""
    if most is None:
        return " ".join(_settings(line))
    return "\n".join(part.replace("=", "=\n  ", 1) if len(part) > most else part for part in _settings(line))


def _block(measure: Measure, lines: Sequence[Line], most: int | None, console: Console) -> Table:
    """`most`: as in `_name`."""
    pixels = next((line.pixels_test for line in lines if line.pixels_test), 0)
    of = f" of {pixels:,} test pixels" if pixels else ""
    caption = "diff: minus the reference, in pairs\n"
    allowed = next((line.interval for line in lines if line.is_reference), None)
    if allowed is not None and math.isfinite(allowed.low):
        ends = f"{_number(allowed.low, measure)} to {_number(allowed.high, measure)}"
        caption += f"so many pixels allow {ends} for the reference (95 %, were they independent)\n"
    table = framed(console, measure.label + of, caption)
    table.add_column("cell", overflow="fold")
    for name in ("n", "mean", "sd", "diff", "95 % interval", "p", "Holm p"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        pair = line.against
        interval = "-"
        if pair is not None and math.isfinite(pair.low):
            interval = f"{_number(pair.low, measure, '+')} to {_number(pair.high, measure, '+')}"
        table.add_row(
            _name(line, most),
            f"{line.n}" if not line.missing else f"{line.n} of {line.n + line.missing}",
            _number(line.mean, measure),
            _number(line.std, measure),
            "-" if pair is None else _number(pair.mean, measure, "+"),
            interval,
            _p(pair.p) if pair else "-",
            _p(line.p_holm),
            style="bold" if line.is_reference else None,
        )
    return table


def _number(value: float, measure: Measure, sign: str = "") -> str:
    return "-" if math.isnan(value) else format(value * measure.scale, f"{sign}z,.{measure.digits}f")


def _p(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2g}"

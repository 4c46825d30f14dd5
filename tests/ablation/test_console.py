"""The table on the console, wide and narrow."""

import io

import pytest
from rich.console import Console

from hsiauto.ablation.console import print_table
from hsiauto.ablation.plan import runs
from hsiauto.ablation.table import lines
from tests.ablation.fabricated import cells, event

GRID = cells()
EVENTS = [
    event(cell, run, test_oa=0.9 - 0.1 * i - 0.01 * run.seed * (i + 1))
    for i, cell in enumerate(GRID.cells)
    for run in runs(0, 3, 0, 1)
]


@pytest.mark.parametrize("width", [80, 150])
def test_names_and_figures_are_whole_at_every_width(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    print_table(lines(GRID, EVENTS, ["test_oa"], 0.1), console)
    said = console.export_text()
    for words in ("masking=dynamic", "mask_probability=0.4", "(reference)", "89.00", "-22.00", "Holm p"):
        assert words in said
    assert max(map(len, said.splitlines())) <= width
    assert ("masking=static, mask_probability=0.2" in said) == (width > 100)

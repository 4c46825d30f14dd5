"""The table on the console, wide and narrow."""

import io

import pytest
from rich.console import Console

from hsiauto.ablation.plan import runs
from hsiauto.ablation.table import lines
from hsiauto.cli.study_table import print_table
from tests.ablation.fabricated import cells, event

GRID, RUNS = cells(), runs(0, 3, 0, 1)
EVENTS = [
    event(cell, run, test_oa=0.9 - 0.1 * i - 0.01 * run.seed * (i + 1), pixels_test=1_234)
    for i, cell in enumerate(GRID.cells)
    for run in RUNS
]


@pytest.mark.parametrize("width", [80, 150])
def test_names_and_figures_are_whole_at_every_width(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    print_table(lines(GRID, EVENTS, ["test_oa"], 0.1), console)
    said = console.export_text()
    for words in ("masking=dynamic", "mask_probability=0.4", "(reference)", " n ", " 3 ", "89.00", "-22.00", "Holm p"):
        assert words in said
    assert "test OA (%) of 1,234 test pixels" in said
    assert "so many pixels allow 87.13 to 90.63 for the reference" in " ".join(said.split())
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= width
    assert ("masking=static, mask_probability=0.2" in said) == (width > 100)


def test_names_are_broken_no_more_than_they_must() -> None:
    axes = {"memory": [True, False], "readout": ["context", "query_and_context"]}
    memory = cells(family="spectral_memory", axes=axes, reference={"memory": False})
    events = [
        event(cell, run, test_oa=0.5 + 0.05 * i * run.seed) for i, cell in enumerate(memory.cells) for run in RUNS
    ]
    console = Console(width=78, record=True, file=io.StringIO(), force_terminal=True)
    print_table(lines(memory, events, ["test_oa"], 0.1), console)
    said = console.export_text()
    assert max(map(len, said.splitlines())) <= 78
    for words in ("memory=true,", "readout=context ", "  query_and_context", "memory=false"):
        assert words in said


def test_long_values_stand_below_their_axis() -> None:
    initial = cells(
        family="spectral_memory",
        axes={"prototype_init": ["random", "kmeans", "kmeans_per_class"]},
        reference={"prototype_init": "random"},
    )
    events = [
        event(cell, run, val_loss=2.0 + 0.1 * i * run.seed) for i, cell in enumerate(initial.cells) for run in RUNS
    ]
    console = Console(width=80, record=True, file=io.StringIO(), force_terminal=True)
    print_table(lines(initial, events, ["val_loss"], 0.1), console)
    said = console.export_text()
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    for words in ("prototype_init=", "  kmeans_per_class", "2.2000", "-0.2968 to +0.6968"):
        assert words in said

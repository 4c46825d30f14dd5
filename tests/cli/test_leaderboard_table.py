"""The leaderboard on the console: what is shown is whole, whatever the terminal."""

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from hsiauto.cli.leaderboard_table import print_leaderboard
from hsiauto.errors import UserError
from hsiauto.leaderboard import COLUMNS

SEARCH = [
    {"family": "spectral_memory", "rank": 1, "seed": seed, "val_folds_mean": 0.95, "parameters": 12345}
    for seed in range(3)
]
ASKED = [
    {"family": "coordinate_1nn", "kind": "baseline", "acquisition": "margin-3", "labels_train": 12_345, "seed": seed}
    for seed in range(3)
]
CELLS = [
    {
        "family": "cpdgal",
        "cell": json.dumps({"masking": masking, "mask_probability": 0.2}),
        "seed": seed,
        "labels_val": 9,
    }
    for masking in ("static", "dynamic_with_a_long_name")
    for seed in range(3)
]


def said(rows: list[dict[str, Any]], width: int) -> str:
    common = {"kind": "refit", "state": "completed", "objective": "kappa", "split_seed": 0, "config_hash": "c"}
    costs = {"fit_seconds": 12_345.6, "predict_pixels_per_second": 1_234_567.0, "overlap_contains": 0.4321}
    scored = [
        common
        | costs
        | {
            "test_oa": 0.9,
            "pixels_test": 1_234,
            "test_aa": 0.8,
            "test_kappa": 0.5 + 0.1 * row["seed"],
            "test_ece": 0.0678,
        }
        | row
        for row in rows
    ]
    table = pa.Table.from_pylist(scored, pa.schema([(column.name, column.type) for column in COLUMNS]))
    console = Console(width=width, file=(file := io.StringIO()), force_terminal=True, color_system=None)
    print_leaderboard(table, console)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("rows", [SEARCH, ASKED, CELLS], ids=["search", "asked", "cells"])
def test_nothing_is_cut(rows: list[dict[str, Any]], width: int) -> None:
    shown = said(rows, width)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    for words in (rows[0]["family"], rows[0].get("kind", "refit"), " n ", " 3 ", "90.00±0.00", "88.2-91.6"):
        assert words in shown
    assert "1,234 test pixels" in " ".join(shown.split())


def test_a_narrow_terminal_names_what_it_leaves_out() -> None:
    assert "wider terminal" not in said(SEARCH, 200)
    for words in ("pixels/s", "6.78", "1,234,567", "12345.6", "95.00", "mean kappa over further validation folds"):
        assert words in said(SEARCH, 200)
    narrow = said(SEARCH, 80)
    assert "a wider terminal also shows kappa, folds val, parameters, fit s, pixels/s, ECE" in " ".join(narrow.split())
    assert "43.21" in narrow, "leakage is left out last"
    assert "1,234,567" not in narrow


def test_what_trained_without_its_validation_part_is_not_said_to_have_had_it() -> None:
    assert "retrained on train + validation" in said(SEARCH, 100)
    assert "without the validation part" in said(CELLS, 100)


def test_a_cell_that_is_no_object_is_a_user_error() -> None:
    with pytest.raises(UserError, match="cell of a leaderboard"):
        said([{**CELLS[0], "cell": "[1]"}], 100)


def test_without_ranks_there_is_no_column_of_dashes() -> None:
    assert "rank" in said(SEARCH, 100)
    assert "rank" not in said(CELLS, 100)

"""Settings are spelled alike, and as YAML spells them, wherever a study prints them."""

from typing import Any

import pytest

from hsiauto.ablation.panels import panels
from hsiauto.ablation.plan import runs
from hsiauto.ablation.spelling import setting
from hsiauto.ablation.table import lines
from hsiauto.errors import UserError
from tests.ablation.fabricated import cells, definition, event

SWITCHED: dict[str, Any] = {
    "axes": {"cw_mse": [True, False], "depth": [1, 2]},
    "reference": {"cw_mse": True, "depth": 1},
    "x": "depth",
}


def test_truth_and_numbers_are_yamls() -> None:
    assert setting({"cbam": True, "whiten": False, "depth": 2, "dropout": 0.50, "rnn": "none"}) == (
        "cbam=true, whiten=false, depth=2, dropout=0.5, rnn=none"
    )
    assert setting({}) == ""


def test_the_series_of_a_figure_are_named_like_the_cells_of_its_table() -> None:
    found = cells(**SWITCHED)
    (run,) = runs(seed=0, seeds=1, split_seed=0, splits=1)
    events = [event(cell, run, test_oa=0.9) for cell in found.cells]
    (panel,) = panels(definition(**SWITCHED), lines(found, events, ["test_oa"], 0.1))
    assert [f"{point.series}, depth={point.x:g}" for point in panel.points] == [cell.name for cell in found.cells]
    assert {point.series for point in panel.points} == {"cw_mse=true", "cw_mse=false"}


def test_cells_that_are_none_are_named_as_typed() -> None:
    with pytest.raises(UserError, match="received cw_mse=true, depth=3"):
        cells(**SWITCHED).only([{"cw_mse": True, "depth": 3}])

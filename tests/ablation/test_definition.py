"""What a study file may say, and which combinations it means."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hsiauto.ablation.definition import load, setting, shipped
from hsiauto.ablation.figure import panels
from hsiauto.ablation.plan import runs
from hsiauto.ablation.table import lines
from hsiauto.errors import UserError
from tests.ablation.fabricated import cells, definition, event


def test_the_last_axis_moves_fastest() -> None:
    assert [tuple(values.values()) for values in definition().settings()] == [
        ("dynamic", 0.2),
        ("dynamic", 0.4),
        ("static", 0.2),
        ("static", 0.4),
    ]


def test_axes_of_one_line_move_together() -> None:
    run_config = definition(
        axes={"width, heads": [[8, 2], [32, 8]], "depth": [1, 2]}, reference={"width": 8, "depth": 1}
    )
    assert run_config.axis_names == ("width", "heads", "depth")
    assert list(run_config.settings()) == [
        {"width": 8, "heads": 2, "depth": 1},
        {"width": 8, "heads": 2, "depth": 2},
        {"width": 32, "heads": 8, "depth": 1},
        {"width": 32, "heads": 8, "depth": 2},
    ]


def test_one_at_a_time_starts_at_the_preset_and_leaves_it_by_one_axis() -> None:
    run_config = definition(sweep="one_at_a_time", reference={}, axes={"depth": [1, 2], "heads": [2]})
    assert list(run_config.settings()) == [{}, {"depth": 1}, {"depth": 2}, {"heads": 2}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"axes": {}}, "axes"),
        ({"axes": {f"a{i}": list(range(10)) for i in range(20)}}, "100,000,000,000,000,000,000"),
        ({"max_epochs": 10**30}, "max_epochs"),
        ({"axes": {"depth": []}, "reference": {"depth": 1}}, "at least one value"),
        ({"axes": {"depth": [1, 1]}, "reference": {"depth": 1}}, "differ"),
        ({"axes": {"width, heads": [[8, 2], [8]]}, "reference": {"width": 8}}, "2 values"),
        ({"axes": {"width, heads": [[8, 2]], "heads": [2]}, "reference": {"width": 8}}, "once"),
        ({"reference": {}}, "reference"),
        ({"reference": {"depth": 1}}, "not an axis"),
        ({"sweep": "one_at_a_time"}, "one_at_a_time"),
        ({"measures": ["luck"]}, "not a measure"),
        ({"x": "depth"}, "not an axis"),
        ({"x": "masking"}, "axis of numbers"),
        ({"x": "depth", "sweep": "one_at_a_time", "reference": {}, "axes": {"depth": [1, 2]}}, "in a grid"),
        ({"axes": {"labels.acquire": [0.1, 0.2]}, "reference": {"labels.acquire": 0.1}}, "recipe"),
        ({"labels": {}, "measures": ["epochs_to_val_loss"]}, "curve"),
        ({"colour": "red"}, "colour"),
        ({"max_epochs": 0}, "max_epochs"),
    ],
)
def test_what_a_study_may_not_say(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        definition(**changes)


def test_only_curves_leave_the_validation_part_out_of_training() -> None:
    assert not definition().validates
    assert definition(measures=["test_oa", "epochs_to_val_loss"]).validates


def test_a_file_of_ones_own_is_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("question: q\nsource: s\nclaim: c\nfamily: svm\naxes:\n  C: [1.0, 2.0]\nreference: {C: 1.0}\n")
    name, run_config = load(str(path))
    assert (name, run_config.axes) == ("mine", {"C": (1.0, 2.0)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("question: [", "must be YAML"),
        ("just words", "mine"),
        ("question: q\nsource: s\nclaim: c\nfamily: svm\naxes: {C: [1.0]}\nreference: {D: 1}\n", "not an axis"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError, match=words) as error:
        load(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(error.value)


def test_an_unknown_study_says_where_to_look() -> None:
    with pytest.raises(UserError, match="hsiauto study"):
        load("nowhere")
    assert "nowhere" not in shipped()


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

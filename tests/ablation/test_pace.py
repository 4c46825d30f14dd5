"""Where a study stands, and what is left of it, from what has ended."""

from typing import Any

import pytest

from hsiauto.ablation.pace import forecast
from hsiauto.ablation.plan import Run, Training, runs, trainings
from hsiauto.search.events import Refit
from tests.ablation.fabricated import SVM, cells, event

GRID = cells(SVM)
"""C 1, 10 (the reference) and 100."""
RUNS = runs(0, 3, 0, 1)
PLANNED = trainings(GRID, RUNS)


def took(seconds: int, cell: int, run: Run, state: str = "completed") -> Refit:
    clock: dict[str, Any] = {"started_at": "2026-01-01T00:00:00+00:00"}
    clock["finished_at"] = f"2026-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}+00:00"
    return event(GRID.cells[cell], run, state, **clock)


def test_nothing_is_predicted_before_a_training_has_completed() -> None:
    stands = forecast(PLANNED, [took(3, 0, RUNS[0], "failed"), took(3, 1, RUNS[0], "skipped")], 1)
    assert (stands.done, stands.of, stands.seconds_left) == (1, 9, None)


def test_after_the_first_one_all_are_taken_to_be_like_it() -> None:
    assert forecast(PLANNED, [took(40, 0, RUNS[0])], 1).seconds_left == pytest.approx(8 * 40)
    assert forecast(PLANNED, [took(40, 0, RUNS[0])], 4).seconds_left == pytest.approx(2 * 40)


def test_a_cell_is_taken_to_last_as_long_as_it_did() -> None:
    first = [took(seconds, cell, RUNS[0]) for cell, seconds in enumerate((10, 20, 90))]
    assert forecast(PLANNED, first, 1).seconds_left == pytest.approx(2 * (10 + 20 + 90))
    assert forecast(PLANNED, [*first, took(30, 0, RUNS[1])], 1).seconds_left == pytest.approx(20 + 2 * 20 + 2 * 90)


def test_more_epochs_take_longer() -> None:
    grid = cells(SVM, axes={"max_epochs": [5, 10]}, reference={"max_epochs": 5})
    (run,) = RUNS[:1]
    first = took(40, 0, run).model_copy(update={"key": Training(grid.reference, run).key})
    assert forecast(trainings(grid, [run]), [first], 1).seconds_left == pytest.approx(80)


def test_no_more_workers_than_trainings_share_what_is_left_and_nothing_is_left_at_the_end() -> None:
    of_all = [took(20, cell, run) for run in RUNS for cell in range(3)]
    assert forecast(PLANNED, of_all[:-1], 8).seconds_left == pytest.approx(20)
    assert forecast(PLANNED, of_all, 8).seconds_left == 0

"""The table: mean, deviation and n over runs, and differences from the reference taken within runs."""

import math
import statistics
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hsiauto.ablation.measures import MEASURES, epochs_to, loss_to_reach
from hsiauto.ablation.plan import Run, runs, trainings
from hsiauto.ablation.table import HEADER, holm, lines, records
from hsiauto.leaderboard import COLUMNS
from hsiauto.metrics import paired
from hsiauto.search.events import Event
from tests.ablation.fabricated import cells, event

GRID = cells()
DYNAMIC, STATIC_2, STATIC_4 = GRID.cells
RUNS = runs(seed=0, seeds=3, split_seed=0, splits=1)


def scored(values: Mapping[int, tuple[float, ...]]) -> list[Event]:
    """Cell number -> test OA in each run."""
    return [
        event(GRID.cells[i], run, test_oa=value, fit_seconds=2.0)
        for i, of_cell in values.items()
        for run, value in zip(RUNS, of_cell, strict=False)
    ]


def test_mean_deviation_and_n_over_the_runs_of_a_cell() -> None:
    found = lines(GRID, scored({0: (0.9, 0.8, 0.7), 1: (0.6,)}), ["test_oa"], 0.1)
    assert [line.cell.name for line in found] == [DYNAMIC.name, STATIC_2.name], "only what was trained"
    assert found[0].mean == pytest.approx(0.8)
    assert found[0].std == pytest.approx(statistics.stdev([0.9, 0.8, 0.7]))
    assert [line.n for line in found] == [3, 1]
    assert math.isnan(found[1].std)


def test_differences_are_paired_within_runs() -> None:
    reference, other = (0.9, 0.5, 0.7), (0.85, 0.44, 0.67)
    found = lines(GRID, scored({0: reference, 1: other}), ["test_oa"], 0.1)
    assert found[0].is_reference
    assert found[0].against is None
    assert found[1].against == paired(other, reference)


def test_a_run_without_the_reference_is_no_pair() -> None:
    events = scored({0: (0.9, 0.8), 1: (0.7, 0.6, 0.1)})
    against = lines(GRID, events, ["test_oa"], 0.1)[1].against
    assert against is not None
    assert against.n == 2
    assert against.mean == pytest.approx(-0.2)


def test_what_failed_is_missing_and_what_was_skipped_is_not_there_yet() -> None:
    events = [
        *scored({0: (0.9, 0.8, 0.7), 1: (0.7,)}),
        event(STATIC_2, RUNS[1], "failed"),
        event(STATIC_2, RUNS[2], "skipped"),
    ]
    line = lines(GRID, events, ["test_oa"], 0.1)[1]
    assert (line.n, line.missing) == (1, 1)


def test_a_later_event_stands_for_an_earlier_one() -> None:
    events = [event(DYNAMIC, RUNS[0], "skipped"), event(DYNAMIC, RUNS[0], test_oa=0.5)]
    (line,) = lines(GRID, events, ["test_oa"], 0.1)
    assert line.mean == 0.5


def test_runs_of_other_splits_are_not_mixed_up() -> None:
    a, b = Run(0, 5), Run(1, 5)
    events = [
        event(cell, run, test_oa=value)
        for cell, run, value in ((DYNAMIC, a, 0.9), (DYNAMIC, b, 0.5), (STATIC_2, a, 0.8), (STATIC_2, b, 0.4))
    ]
    against = lines(GRID, events, ["test_oa"], 0.1)[1].against
    assert against is not None
    assert (against.n, against.mean) == (2, pytest.approx(-0.1))


def test_epochs_are_counted_to_what_the_reference_reaches_in_the_same_run() -> None:
    curves = {
        (0, 0): [1.0, 0.5, 0.40, 0.39],
        (1, 0): [0.6, 0.42, 0.41, 0.30],
        (2, 0): [2.0, 1.0, math.nan, 0.50],
        (0, 1): [1.0, 0.2, 0.3, 0.3],
        (1, 1): [0.3, 0.22, 0.1, 0.1],
    }
    events = [event(GRID.cells[i], RUNS[run], val_losses=tuple(curve)) for (i, run), curve in curves.items()]
    reference, faster, never = lines(GRID, events, ["epochs_to_val_loss"], 0.1)
    assert (reference.mean, reference.n) == ((3 + 2) / 2, 2)
    assert (faster.mean, faster.n) == (2.0, 2)
    assert (never.n, never.missing) == (0, 1)
    assert never.against is None


def test_epochs_to_a_loss() -> None:
    assert epochs_to([1.0, math.nan, 0.4, 0.2], 0.4) == 3
    assert math.isnan(epochs_to([1.0, 0.9], 0.4))
    assert loss_to_reach([1.0, 0.5, 0.6], 0.1) == pytest.approx(0.55)
    assert math.isnan(loss_to_reach([math.nan], 0.1))
    assert math.isnan(epochs_to([1.0], math.nan)), "a reference without a loss sets no goal"


def test_holm_against_an_example_worked_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": math.nan}) == {
        "a": pytest.approx(0.03),
        "c": pytest.approx(0.06),
        "b": pytest.approx(0.06),
    }


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=6))
def test_holm_raises_p_keeps_their_order_and_stays_within_one(p: dict[str, float]) -> None:
    adjusted = holm(p)
    assert adjusted.keys() == p.keys()
    assert all(p[key] <= adjusted[key] <= 1 for key in p)
    in_order = sorted(p, key=lambda key: p[key])
    assert [adjusted[key] for key in in_order] == sorted(adjusted.values())


def test_the_stored_table_is_in_the_measures_unit() -> None:
    rows = records(lines(GRID, scored({0: (0.9, 0.8), 1: (0.8, 0.6)}), ["test_oa", "fit_seconds"], 0.1))
    assert [list(row) for row in rows] == [list(HEADER)] * 4
    assert rows[1]["mean"] == pytest.approx(70.0)
    assert rows[1]["difference"] == pytest.approx(-15.0)
    assert rows[0]["difference"] is None
    assert rows[0]["reference"] is True
    assert rows[3]["mean"] == pytest.approx(2.0)
    assert rows[3]["p"] is None, "no spread, no test"


def test_figures_on_test_stand_beside_its_size_and_an_oa_beside_what_that_allows() -> None:
    events = [
        event(DYNAMIC, run, test_oa=0.9, test_kappa=0.8, fit_seconds=2.0, pixels_test=size)
        for run, size in zip(RUNS, (70, 50, 60), strict=True)
    ]
    oa, kappa, seconds = records(lines(GRID, events, ["test_oa", "test_kappa", "fit_seconds"], 0.1))
    assert (oa["pixels_test"], kappa["pixels_test"], seconds["pixels_test"]) == (50, 50, None)
    expected = stats.binomtest(45, 50).proportion_ci(method="wilson")
    assert (oa["mean_low"], oa["mean_high"]) == (pytest.approx(100 * expected.low), pytest.approx(100 * expected.high))
    assert kappa["mean_low"] is seconds["mean_high"] is None


def test_what_is_counted_is_not_tested() -> None:
    sizes = [
        event(cell, run, parameters=100 + 50 * i + run.seed * i) for i, cell in enumerate(GRID.cells) for run in RUNS
    ]
    against = [line.against for line in lines(GRID, sizes, ["parameters"], 0.1)]
    assert [pair.mean for pair in against if pair is not None] == [51.0, 102.0]
    assert all(math.isnan(pair.p) and math.isnan(pair.low) for pair in against if pair is not None)


def test_every_measure_but_the_last_is_a_column_of_the_leaderboard() -> None:
    columns = {column.name for column in COLUMNS}
    assert [name for name in MEASURES if name not in columns] == ["epochs_to_val_loss"]


def test_seeds_are_dealt_over_splits() -> None:
    assert runs(seed=7, seeds=3, split_seed=4, splits=1) == [Run(4, 7), Run(4, 8), Run(4, 9)]
    assert runs(seed=7, seeds=3, split_seed=4, splits=3) == [Run(4, 7), Run(5, 8), Run(6, 9)]
    assert runs(seed=0, seeds=3, split_seed=0, splits=2) == [Run(0, 0), Run(1, 1), Run(0, 2)]


def test_a_run_is_finished_before_the_next_begins_and_the_reference_comes_first() -> None:
    planned = trainings(GRID, runs(seed=0, seeds=2, split_seed=0, splits=2))
    assert [training.kind for training in planned[:4]] == ["baseline"] * 4, "two references on two splits"
    assert [training.run for training in planned[4:]] == [Run(0, 0)] * 3 + [Run(1, 1)] * 3
    assert planned[4].cell is planned[7].cell is GRID.reference
    assert len({training.key for training in planned}) == len(planned)

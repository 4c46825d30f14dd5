"""Trainings of a study: sealed, scored once, never done twice, in the leaderboard's own schema."""

import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from hsiauto.ablation.cells import Grid
from hsiauto.ablation.plan import runs, trainings
from hsiauto.ablation.table import lines
from hsiauto.ablation.train import train
from hsiauto.cli.leaderboard_table import print_leaderboard
from hsiauto.errors import UserError
from hsiauto.leaderboard import Context, rows, summary
from hsiauto.refit import Work
from hsiauto.search.events import Cycle, Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job
from tests.ablation.fabricated import MASKING, SVM, cells
from tests.refit.fabricated import Pool, scene, work
from tests.refit.test_asked_labels import Training

GRID = cells(SVM)


class Spy(Pool):
    """A pool that keeps the datasets it is handed."""

    datasets: dict[str, Any]

    def __call__(self, jobs: Sequence[Job], datasets: Any, *others: Any, **named: Any) -> Any:
        self.datasets = dict(datasets)
        return super().__call__(jobs, datasets, *others, **named)


@pytest.fixture
def pool() -> Spy:
    return Spy(scene(), errors=lambda config: {"svm": 4}.get(config.family, 20))


@pytest.fixture
def made(tmp_path: Path, pool: Spy) -> Work:
    return work(tmp_path, pool)


@pytest.fixture
def perform(made: Work, tmp_path: Path) -> Callable[..., list[Refit]]:
    refits = Journal(tmp_path / "refits.jsonl")

    def call(grid: Grid = GRID, seeds: int = 2, splits: int = 1, validates: bool = False) -> list[Refit]:
        train(made, refits, trainings(grid, runs(0, seeds, 0, splits)), validates=validates)
        return of(Refit, refits.events)

    return call


def test_each_cell_is_scored_once_a_run_beside_the_canary(perform: Callable[..., list[Refit]], made: Work) -> None:
    events = perform()
    assert [event.kind for event in events].count("baseline") == 2
    of_cells = [event for event in events if event.kind == "refit"]
    assert len(of_cells) == len({event.key for event in of_cells}) == 6
    assert all(event.test_oa is not None and event.rank is None for event in of_cells)
    assert {event.labels_train for event in events} == {len(made.split.pool)}


def test_what_is_done_is_not_done_again_and_what_was_skipped_is(perform: Callable[..., list[Refit]], pool: Spy) -> None:
    pool.skip = lambda job: job.config.active().get("C") == 100.0
    perform()
    asked = len(pool.jobs)
    pool.skip = lambda job: False
    perform()
    assert [job.config.active()["C"] for job in pool.jobs[asked:]] == [100.0, 100.0]
    perform(seeds=3)
    assert {job.seed for job in pool.jobs[asked + 2 :]} == {2}
    assert len(pool.jobs) == asked + 5


def test_a_failed_cell_is_a_result(perform: Callable[..., list[Refit]], pool: Spy) -> None:
    pool.fail = lambda job: job.config.active().get("C") == 1.0
    failed = [event for event in perform() if event.state == "failed"]
    assert [event.error for event in failed] == ["NaN", "NaN"]
    assert all(event.test_oa is None for event in failed)
    asked = len(pool.jobs)
    perform()
    assert len(pool.jobs) == asked


def test_a_worker_gets_no_test_label_and_a_study_of_curves_trains_beside_validation(
    perform: Callable[..., list[Refit]], pool: Spy, made: Work
) -> None:
    events = perform(validates=True)
    (data,) = pool.datasets.values()
    assert np.array_equal(data.train_pixels, made.split.train)
    assert np.array_equal(data.val_pixels, made.split.val)
    assert not set(data.train_pixels) & set(made.split.test)
    assert {(event.labels_train, event.labels_val) for event in events} == {
        (len(made.split.train), len(made.split.val))
    }
    assert all(math.isnan(loss) for event in events for loss in event.val_losses), "the fabricated pool has no loss"


def test_noise_reaches_training_labels_of_its_cells_alone(
    perform: Callable[..., list[Refit]], pool: Spy, made: Work
) -> None:
    noise = {"axes": {"label_noise": [0.0, 0.5]}, "reference": {"label_noise": 0.0}}
    events = [event for event in perform(cells(SVM, **noise)) if event.kind == "refit"]
    truth = made.scene.labels.ravel() - 1
    changed = {name: int((data.train_labels != truth[data.train_pixels]).sum()) for name, data in pool.datasets.items()}
    half = round(0.5 * len(made.split.pool))
    assert changed == {"split-0": 0, "split-0/noise-0.5-0": half, "split-0/noise-0.5-1": half}
    assert [(event.cell or {})["label_noise"] for event in events] == [0.0, 0.5, 0.0, 0.5]
    assert len({event.config_hash for event in events}) == 1


def test_seeds_over_splits_train_on_the_splits_of_those_seeds(
    perform: Callable[..., list[Refit]], pool: Spy, made: Work
) -> None:
    events = perform(splits=2)
    by_split = {event.split_seed: event.split_hash for event in events}
    assert by_split[0] == made.split.hash != by_split[1]
    assert {(event.split_seed, event.seed) for event in events if event.kind == "refit"} == {(0, 0), (1, 1)}


def test_fixed_maps_are_one_split(made: Work, tmp_path: Path) -> None:
    spec = made.split.spec.model_copy(update={"protocol": "fixed"})
    mapped = replace(made, split=replace(made.split, spec=spec))
    with Journal(tmp_path / "refits.jsonl") as refits, pytest.raises(UserError, match="fixed"):
        train(mapped, refits, trainings(GRID, runs(0, 2, 0, 2)), validates=False)


def test_rows_have_the_leaderboards_schema_with_the_cell_in_them(
    perform: Callable[..., list[Refit]], made: Work
) -> None:
    noise = {"axes": {"label_noise": [0.0, 0.5]}, "reference": {"label_noise": 0.0}}
    events = perform(cells(SVM, **noise))
    context = Context("run", made.scene.name, made.run_config, made.split)
    table = rows(made.journal.events, events, context)
    of_cells = [row for row in table.to_pylist() if row["kind"] == "refit"]
    assert [json.loads(row["cell"]) for row in of_cells] == [{"label_noise": 0.0}, {"label_noise": 0.5}] * 2
    assert all(row["rank"] is None for row in of_cells)
    summarised = [line for line in summary(table) if line.kind == "refit"]
    assert [line.n_seeds for line in summarised] == [2, 2], "cells of one config stay apart"
    console = Console(width=150, record=True, file=io.StringIO())
    print_leaderboard(table, console)
    assert "label_noise=0.5" in console.export_text()


def test_labels_that_are_asked_for_are_counted_cycle_by_cycle(tmp_path: Path) -> None:
    made = work(tmp_path, Training(scene()))
    asked = {"labels": {"initial": 0.2, "cycles": 2, "acquisition": "entropy"}}
    axes = {"axes": {"labels.acquire": [0.1, 0.4]}, "reference": {"labels.acquire": 0.1}}
    grid = cells(SVM, **asked, **axes)
    with Journal(tmp_path / "refits.jsonl") as refits:
        train(made, refits, trainings(grid, runs(0, 1, 0, 1)))
    ended, cycles = of(Refit, refits.events), of(Cycle, refits.events)
    plans = [cell.labels.plan(len(made.split.pool), 3) for cell in grid.cells if cell.labels]
    found = [(e.cell, e.labels_train, e.acquisition) for e in ended if e.kind == "refit"]
    assert found == [
        ({"labels.acquire": share}, plan[-1], "entropy") for share, plan in zip((0.1, 0.4), plans, strict=True)
    ]
    assert {(e.labels_train, e.acquisition) for e in ended if e.kind == "baseline"} == {(plans[0][-1], "random")}
    of_last = [e.labels for e in cycles if e.key == ended[-1].key]
    assert tuple(of_last) == plans[1]


def test_a_real_curve_has_a_loss_for_every_epoch(tmp_path: Path) -> None:
    made = work(tmp_path, Training(scene()))
    axes = {"prototype_init": ["random", "kmeans"]}
    memory = {"family": "spectral_memory", "axes": axes, "reference": {"prototype_init": "random"}}
    grid = cells(MASKING, **memory, pins={"spectral_memory.width": 8, "spectral_memory.tokens": 6})
    with Journal(tmp_path / "refits.jsonl") as refits:
        train(made, refits, trainings(grid, runs(0, 1, 0, 1)), validates=True)
    of_cells = [event for event in of(Refit, refits.events) if event.kind == "refit"]
    for event in of_cells:
        assert len(event.val_losses) == 5
        assert event.val_losses[-1] == event.val_loss
        assert all(math.isfinite(loss) for loss in event.val_losses)
    reference = lines(grid, of_cells, ["epochs_to_val_loss"], 0.1)[0]
    assert 1 <= reference.mean <= 5

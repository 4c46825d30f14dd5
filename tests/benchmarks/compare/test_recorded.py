"""Recorded curves as a problem: draws land on recorded configs, a classical family is one step, and test is sealed."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial

from benchmarks.compare import curves, curves_figure
from benchmarks.compare.problem import Config
from benchmarks.compare.record import store
from benchmarks.compare.recorded import RECORDED, Hyperparameter, Recorded
from benchmarks.compare.surrogate import METHODS, RIVAL_WITH_PRESETS, method
from benchmarks.compare.virtual_time import Clock, Run, simulate
from benchmarks.curves.table import CurveTable, Row
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.svm import SvmConfig

MAX_EPOCHS = 9
RATES = (3e-4, 1e-3, 2e-3, 4e-3, 8e-3)


def rows_of(
    name: str, config: FamilyConfig, best: float, test: float, epochs: range, state: str = "completed"
) -> list[Row]:
    about = {"name": name, "family": config.family, "config": json.dumps(config.active()), "state": state}
    return [
        {**about, "epoch": e, "val_kappa": best * e / MAX_EPOCHS, "cpu_seconds": 2.0, "test_kappa": test}
        for e in epochs
    ]


def a_table() -> list[Row]:
    """cnn1d: the higher the rate, the better on validation and the worse in test; svm: one step, one preset."""
    rows = rows_of("svm/paper", SvmConfig(), 0.5, 0.45, range(MAX_EPOCHS, MAX_EPOCHS + 1))
    rows += rows_of("svm/1", SvmConfig(C=10.0), 0.4, 0.6, range(MAX_EPOCHS, MAX_EPOCHS + 1))
    for number, rate in enumerate(RATES):
        config = Cnn1dConfig(learning_rate=rate, depth=1 + number % 2)
        rows += rows_of(
            f"cnn1d/{number + 1}", config, 0.6 + 0.05 * number, 0.7 - 0.05 * number, range(1, MAX_EPOCHS + 1)
        )
    rows += rows_of("cnn1d/8", Cnn1dConfig(learning_rate=0.01), 0.99, 0.99, range(1, 3), "diverged")
    return rows


@pytest.fixture
def judge() -> Recorded:
    return Recorded.of(a_table(), MAX_EPOCHS)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("curves") / "small.parquet"
    CurveTable(path, {"max_epochs": MAX_EPOCHS}).add(a_table())
    return path


def draws(problem: Recorded, family: str, n: int) -> Iterator[Config]:
    run_config = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(n):
        problem.begin(config := problem.suggest(run_config.ask(), family))
        yield config


def test_a_table_is_read_as_it_was_recorded(path: Path, judge: Recorded) -> None:
    assert Recorded.load(path) == judge
    assert set(judge.families) == {"svm", "cnn1d"}


def test_what_diverged_is_left_out(judge: Recorded) -> None:
    assert len(judge.curves) == 7
    assert judge.best_family == "cnn1d"


def test_draws_are_recorded_configs_each_once_while_there_are_any(judge: Recorded) -> None:
    drawn = [config[RECORDED] for config in draws(judge, "cnn1d", 5)]
    assert len(set(drawn)) == 5
    assert set(drawn) <= judge.curves.keys()
    (again,) = (config[RECORDED] for config in draws(judge, "cnn1d", 1))
    assert again in drawn


def test_a_draw_snaps_to_the_nearest_config(judge: Recorded) -> None:
    near = FixedTrial({"cnn1d/learning_rate": 1.1e-3, "cnn1d/depth": 2})
    first = judge.suggest(near, "cnn1d")
    assert (first[RECORDED], first["learning_rate"]) == ("cnn1d/2", 1.1e-3)  # what it drew is what a method is told
    judge.begin(first)
    assert judge.suggest(near, "cnn1d")[RECORDED] == "cnn1d/4"  # of the same depth, which weighs a whole range


def test_numbers_are_drawn_over_their_range_and_choices_by_name() -> None:
    run_config = optuna.create_study(sampler=RandomSampler(seed=0))
    trial = run_config.ask()
    Hyperparameter((1e-4, 1e-2)).ask(trial, "log")
    Hyperparameter((1, 4)).ask(trial, "integer")
    Hyperparameter((True, False)).ask(trial, "choice")
    assert Hyperparameter((3,)).ask(trial, "constant") == 3
    assert {name: type(one).__name__ for name, one in trial.distributions.items()} == {
        "log": "FloatDistribution",
        "integer": "IntDistribution",
        "choice": "CategoricalDistribution",
    }
    assert trial.distributions["log"] == FloatDistribution(1e-4, 1e-2, log=True)


@pytest.mark.parametrize(
    "axis",
    [
        Hyperparameter((1e-4, 1e-3, 1e-2)),
        Hyperparameter((1, 2, 4)),
        Hyperparameter(("a", "b")),
        Hyperparameter((True, False)),
    ],
)
def test_a_distance_is_between_none_and_one(axis: Hyperparameter) -> None:
    first, last = axis.values[0], axis.values[-1]
    assert axis.distance(first, first) == 0
    assert axis.distance(first, last) == pytest.approx(1)
    assert axis.distance(first, None) == axis.distance(None, first) == 1


def test_a_log_axis_measures_ratios() -> None:
    assert Hyperparameter((1e-4, 1e-3, 1e-2)).distance(1e-4, 1e-3) == pytest.approx(0.5)


def test_a_classical_config_is_one_step_at_full_fidelity(judge: Recorded) -> None:
    (preset,) = judge.presets("svm")
    assert judge.first_epoch(preset) == MAX_EPOCHS
    assert judge.seconds(preset) == judge.whole_seconds(preset) == 2.0

    class Once:
        def __init__(self) -> None:
            self.runs = [Run("a", preset)]
            self.told: list[int] = []

        def next(self) -> Run | None:
            return self.runs.pop() if self.runs else None

        def report(self, run: Run, epoch: int, score: float) -> bool:
            self.told.append(epoch)
            return False

    once, clock = Once(), Clock()
    outcome = simulate(judge, once, clock, workers=1, budget_s=100, seed=0)
    assert (once.told, clock.now, outcome.refits) == ([MAX_EPOCHS], 2.0, [0.45])


def test_a_method_cannot_read_test_scores(judge: Recorded) -> None:
    known = judge.for_method()
    assert known.finals is None
    assert "0.45" not in repr(known)
    with pytest.raises(RuntimeError, match="judge"):
        known.final(next(iter(known.curves.values())).config)
    known.begin(config := known.presets("svm")[0])
    assert judge.suggest(FixedTrial({"svm/C": 100.0}), "svm")[RECORDED] == "svm/1" != config[RECORDED]


def test_an_axis_is_drawn_only_where_it_acts() -> None:
    rows = [
        row
        for number, config in enumerate(
            (Cnn1dConfig(), Cnn1dConfig(components=30), Cnn1dConfig(components=30, whiten=False))
        )
        for row in rows_of(f"cnn1d/{number}", config, 0.5, 0.5, range(1, MAX_EPOCHS + 1))
    ]
    problem = Recorded.of(rows, MAX_EPOCHS)
    assert "whiten" not in problem.suggest(FixedTrial({"cnn1d/components": 0}), "cnn1d")
    drawn = problem.suggest(FixedTrial({"cnn1d/components": 28, "cnn1d/whiten": False}), "cnn1d")
    assert (drawn["components"], drawn["whiten"], drawn[RECORDED]) == (28, False, "cnn1d/2")
    clock = Clock()
    outcome = simulate(
        problem, method("ours", problem.for_method(), clock, 200.0, 0), clock, workers=1, budget_s=200.0, seed=0
    )
    assert problem.begun == set(problem.curves)
    assert outcome.epochs > 3


@pytest.mark.parametrize("name", [*METHODS, RIVAL_WITH_PRESETS])
def test_every_method_runs_without_test_scores(judge: Recorded, name: str) -> None:
    clock = Clock()
    chosen = method(name, judge.for_method(), clock, 40.0, 0)
    outcome = simulate(judge, chosen, clock, workers=2, budget_s=40.0, seed=0)
    assert outcome.refits == [judge.final(config) for config in outcome.choices]
    assert outcome.choice in outcome.choices


def test_the_paper_preset_is_the_first() -> None:
    rows = [
        row for name in ("multiscale", "paper") for row in rows_of(f"svm/{name}", SvmConfig(), 0.5, 0.5, range(9, 10))
    ]
    assert [config[RECORDED] for config in Recorded.of(rows, 9).presets("svm")] == ["svm/paper", "svm/multiscale"]


def test_ours_starts_with_the_presets_where_they_are_known(judge: Recorded) -> None:
    first = method("ours", judge.for_method(), Clock(), 100.0, 0).next()
    assert first is not None
    assert first.config == judge.presets("svm")[0]
    assert judge.for_method(presets=False).presets("svm") == ()


def test_the_rival_with_presets_runs_those_of_all_families_first_and_then_draws() -> None:
    rows = [
        row
        for name, config in {
            "cnn1d/paper": Cnn1dConfig(),
            "cnn1d/1": Cnn1dConfig(learning_rate=0.01),
            "svm/multiscale": SvmConfig(features="multiscale"),
            "svm/paper": SvmConfig(),
            "svm/1": SvmConfig(C=10.0),
        }.items()
        for row in rows_of(name, config, 0.5, 0.5, range(MAX_EPOCHS, MAX_EPOCHS + 1))
    ]
    problem = Recorded.of(rows, MAX_EPOCHS)
    chosen = method(RIVAL_WITH_PRESETS, problem.for_method(), Clock(), 100.0, 0)
    begun = []
    for _ in range(len(rows)):
        run = chosen.next()
        assert run is not None
        problem.begin(run.config)
        begun.append(run.config[RECORDED])
        assert not chosen.report(run, MAX_EPOCHS, 0.5)
    assert begun[:3] == ["cnn1d/paper", "svm/paper", "svm/multiscale"]
    assert set(begun) == set(problem.curves)


def test_a_replay_says_what_was_missed(path: Path, tmp_path: Path) -> None:
    found = [curves.run(path, name, 40.0, 0) for name in ("ours", curves.WITHOUT_PRESETS, curves.RANDOM)]
    for one in found:
        assert one.validation_regret == pytest.approx(0.8 - one.validation)
        assert one.test_regret == pytest.approx(0.7 - one.refit)
        assert len(one.times) == len(one.refits) == len(one.validations)
        assert one.validations[-1] == one.validation
    store(found, tmp_path / "replay.parquet")
    curves_figure.draw(found, tmp_path / "replay.png", 4)
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")


def test_a_replay_depends_on_its_seed_alone(path: Path) -> None:
    assert curves.run(path, "ours", 40.0, 1) == curves.run(path, "ours", 40.0, 1)


def test_the_time_to_reach_a_score_is_that_of_the_mean_for_good() -> None:
    runs = [([1.0, 2.0, 3.0], [0.5, 0.1, 0.6]), ([2.0], [0.5])]
    assert curves.time_to_reach(runs, 0.3) == 2.0
    assert curves.time_to_reach(runs, 0.5) == 3.0
    assert curves.time_to_reach(runs, 0.7) is None


def test_a_full_training_is_averaged_over_families(judge: Recorded) -> None:
    assert curves.training_seconds(judge) == pytest.approx((2.0 + 2.0 * MAX_EPOCHS) / 2)
    assert math.isfinite(judge.whole_seconds(judge.presets("svm")[0]))

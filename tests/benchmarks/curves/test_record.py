"""Learning curves are recorded whole, once, in any number of pieces; their test scores come through the seal."""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from benchmarks.curves.candidates import Candidate, candidates
from benchmarks.curves.measure import Bench
from benchmarks.curves.record import record
from benchmarks.curves.table import CurveTable, Row, read
from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.scene.model import Scene
from hsiauto.space import Space
from hsiauto.space.scene_size import SceneSize
from hsiauto.split import SplitSpec, make_split

SETTINGS = {"seed": 0}
CNN1D = Cnn1dConfig(depth=1, width=8, hidden=32, batch_size=16)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return a_bench()


def a_bench(most_seconds: float = 1e6, clock: Callable[[], float] = time.process_time) -> Bench:
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat([1, 2, 3], 4), (18, 1)).astype(np.int16)
    cube = (rng.normal(size=(4, 30))[labels] + rng.normal(size=(*labels.shape, 30))).astype(np.float32)
    names, valid = ("a", "b", "c"), np.ones(labels.shape, bool)
    scene = Scene("fabricated", cube, labels, names, (1, 2, 3), valid, (0, 1, 2))
    split = make_split(labels, SplitSpec(protocol="random", train_per_class=16))
    return Bench(scene, split, max_epochs=4, most_seconds=most_seconds, seed=0, commit="none", clock=clock)


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as one:
        yield one


def rows_of(name: str, epochs: int = 2) -> list[Row]:
    family = name.partition("/")[0]
    whole = {"name": name, "family": family, "config": "{}", "state": "completed", "refit_cpu_seconds": 1.0}
    scored = {"val_kappa": 0.5, "test_kappa": 0.25, "cpu_seconds": 0.5}
    return [{**whole, **scored, "epoch": epoch} for epoch in range(1, epochs + 1)]


def some(*names: str) -> Iterator[Candidate]:
    return (Candidate(name, SvmConfig()) for name in names)


def go_on(path: Path, executor: Executor, waiting: Iterator[Candidate], measure: Callable[[Candidate], list[Row]],
          seconds: float = 60.0) -> list[str]:  # fmt: skip
    table = CurveTable(path, SETTINGS)
    deadline = time.monotonic() + seconds
    return record(table, waiting, measure, executor, at_a_time=1, deadline=deadline, tell=lambda line: None)


def test_a_network_has_one_row_an_epoch_and_one_test_score(bench: Bench) -> None:
    rows = bench.measure(Candidate("cnn1d/1", CNN1D))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert {row["state"] for row in rows} == {"completed"}
    assert len({row["test_kappa"] for row in rows}) == 1
    assert all(math.isfinite(row["val_kappa"]) and row["cpu_seconds"] >= 0 for row in rows)


def test_a_classical_config_has_one_row_at_full_fidelity(bench: Bench) -> None:
    (row,) = bench.measure(Candidate("svm/paper", SvmConfig()))
    assert row["epoch"] == 4
    assert row["macs"] is None


def test_the_seal_scores_a_config_once() -> None:
    bench = a_bench()
    bench.measure(Candidate("svm/paper", SvmConfig()))
    with pytest.raises(RuntimeError, match="scored"):
        bench.measure(Candidate("svm/again", SvmConfig()))


def test_test_labels_move_test_scores_alone() -> None:
    bench, poisoned = a_bench(), a_bench()
    labels = poisoned.scene.labels.ravel()
    labels[poisoned.split.test] = 1 + labels[poisoned.split.test] % 3
    whole, other = (one.measure(Candidate("svm/paper", SvmConfig())) for one in (bench, poisoned))
    assert [row["val_kappa"] for row in whole] == [row["val_kappa"] for row in other]
    assert whole[0]["test_kappa"] != other[0]["test_kappa"]


def test_a_config_is_refused_by_its_multiply_adds() -> None:
    (row,) = a_bench(most_seconds=1e-9).measure(Candidate("cnn1d/1", CNN1D))
    assert (row["state"], row.get("epoch"), row.get("test_kappa")) == ("refused", None, None)
    assert "multiply-adds" in row["error"]


def test_a_refused_config_is_recorded_and_not_tried_again(tmp_path: Path, executor: Executor) -> None:
    path, dear = tmp_path / "curves.parquet", a_bench(most_seconds=1e-9)
    for _ in range(2):
        waiting = iter([Candidate("cnn1d/paper", CNN1D), Candidate("cnn1d/1", CNN1D)])
        assert go_on(path, executor, waiting, dear.measure) == []
    assert [(row["name"], row["state"], row["epoch"]) for row in read(path)[0]] == [
        ("cnn1d/paper", "refused", None),
        ("cnn1d/1", "refused", None),
    ]


def test_a_config_is_refused_by_its_first_epoch() -> None:
    seconds = itertools.count(0.0, 30.0)
    (row,) = a_bench(most_seconds=100.0, clock=lambda: next(seconds)).measure(Candidate("cnn1d/1", CNN1D))
    assert row["state"] == "refused"
    assert "120 s of 100 by the first epoch" in row["error"]


def test_a_config_that_diverges_keeps_the_epochs_before_it(bench: Bench) -> None:
    rows = bench.measure(Candidate("cnn1d/1", CNN1D.model_copy(update={"learning_rate": 1e30})))
    assert {row["state"] for row in rows} == {"diverged"}
    assert all("test_kappa" not in row for row in rows)


def test_what_is_recorded_is_read_back(tmp_path: Path, bench: Bench) -> None:
    measured = bench.measure(Candidate("svm/multiscale", SvmConfig(features="multiscale", components=4)))
    CurveTable(tmp_path / "curves.parquet", SETTINGS).add(measured)
    (row,), settings = read(tmp_path / "curves.parquet")
    assert settings == SETTINGS
    given = measured[0]
    assert {key: row[key] for key in given if key != "train_loss"} == {
        k: v for k, v in given.items() if k != "train_loss"
    }


def test_a_recording_goes_on_where_it_stopped(tmp_path: Path, executor: Executor) -> None:
    path, asked = tmp_path / "curves.parquet", list[str]()

    def measure(candidate: Candidate) -> list[Row]:
        asked.append(candidate.name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return rows_of(candidate.name)

    names = ("svm/1", "cnn1d/1", "svm/2", "cnn1d/2")
    go_on(path, executor, some(*names[:2]), measure)
    assert go_on(path, executor, some(*names), measure) == ["svm/2"]
    assert {row["name"] for row in read(path)[0]} == {"svm/1", "cnn1d/1", "cnn1d/2"}
    assert go_on(path, executor, some(*names), measure) == []
    assert asked == ["svm/1", "cnn1d/1", "svm/2", "cnn1d/2", "svm/2"]
    assert [row["name"] for row in read(path)[0] if row["epoch"] == 1] == ["cnn1d/1", "cnn1d/2", "svm/1", "svm/2"]


def test_nothing_starts_after_the_deadline(tmp_path: Path, executor: Executor) -> None:
    path = tmp_path / "curves.parquet"
    go_on(path, executor, some("svm/1"), lambda candidate: rows_of(candidate.name), seconds=-1)
    assert not path.exists()


def test_a_table_goes_on_with_its_own_settings_only(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    CurveTable(path, SETTINGS).add(rows_of("svm/1"))
    with pytest.raises(UserError, match="own settings"):
        CurveTable(path, {"seed": 1})


def test_another_parquet_file_is_no_table_of_curves(tmp_path: Path) -> None:
    (tmp_path / "other.parquet").write_bytes(b"not parquet")
    with pytest.raises(UserError, match="whole Parquet"):
        read(tmp_path / "other.parquet")


def test_candidates_are_presets_then_draws_and_more_only_adds() -> None:
    size = SceneSize(60, 300, 40, 40)
    space = Space.load("unified", ["svm", "cnn1d"]).bind(60, 300, 40, 40, 3)

    def those(each: int, seed: int = 0) -> dict[str, FamilyConfig]:
        return {one.name: one.config for one in candidates(space, size, space.families, each, seed)}

    few, many = those(3), those(5)
    assert list(few) == ["svm/paper", "cnn1d/paper", "svm/multiscale", "cnn1d/1", "svm/1", "cnn1d/2"]
    assert few.items() <= many.items()
    assert len({config.hash() for config in many.values()}) == len(many)
    assert those(3, seed=1)["cnn1d/1"] != few["cnn1d/1"]

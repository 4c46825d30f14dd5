"""A whole study on a tiny scene: what it leaves, that it ends, that it goes on."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray

from hsiauto import runs
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.models.bundle import load_bundle
from hsiauto.runs import opened
from hsiauto.runs.export import export_winner
from hsiauto.runs.folder import JOURNAL, REFITS, read_config
from hsiauto.runs.prepare import prepare
from hsiauto.runs.winner_map import draw_winner_map
from hsiauto.scene import Scene
from hsiauto.scene.source import SceneSource
from hsiauto.search.events import Proposed, Ranked, Refit, of
from hsiauto.search.journal import read
from hsiauto.search.workers.jobs import JobResult
from hsiauto.split import SplitSpec

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture(scope="module")
def source(tiny_scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> SceneSource:
    """The tiny scene as files."""
    folder = tmp_path_factory.mktemp("scene")
    np.save(folder / "cube.npy", tiny_scene.cube)
    np.save(folder / "labels.npy", tiny_scene.labels)
    return SceneSource(dataset=str(folder / "cube.npy"), labels=folder / "labels.npy")


def tiny_study(source: SceneSource, **changes: Any) -> RunConfig:
    """Seconds long: small classical models on spectra, and a small network."""
    fields: dict[str, Any] = {
        "scene": source,
        "split": SplitSpec(protocol="random", train_fraction=0.2),
        "space": "tiny",
        "families": ("svm", "spectral_memory"),
        "pins": {
            "svm.features": "spectra",
            "spectral_memory.tokens": 8,
            "spectral_memory.width": 8,
            "spectral_memory.depth": 1,
            "spectral_memory.heads": 2,
        },
        "budget": 4,
        "max_epochs": 2,
        "grace_epochs": 1,
        "concurrency": 1,
        "top_k": 2,
        "winner_seeds": 2,
        "other_seeds": 1,
        "further_splits": 1,
        "further_folds": 1,
    }
    fields |= changes
    fields["pins"] = {pin: value for pin, value in fields["pins"].items() if pin.split(".")[0] in fields["families"]}
    return RunConfig(**fields)


@pytest.fixture(scope="module")
def finished(ray_session: None, source: SceneSource, tmp_path_factory: pytest.TempPathFactory) -> runs.Result:
    folder = tmp_path_factory.mktemp("runs") / "run"
    return runs.search(tiny_study(source), folder)


def test_leaves_everything(finished: runs.Result) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    expected = {"run.yaml", "split.npz", JOURNAL, REFITS, "leaderboard.parquet", "map.png", "search.png", "bundle"}
    expected |= {"map.npz", "distance.png", "report.html"}
    assert expected <= names
    assert finished.exit_code == 0


def test_leaderboard_opens_in_pandas_and_is_whole(finished: runs.Result) -> None:
    board = pd.read_parquet(finished.folder / "leaderboard.parquet")
    trials, refits = board[board.kind == "trial"], board[board.kind == "refit"]
    assert len(trials) == 4
    assert trials.test_oa.isna().all(), "no trial is scored on test"
    winner = refits[(refits["rank"] == 1) & (refits.split_hash == trials.split_hash.iloc[0])]
    assert len(winner) == 2
    assert winner.test_oa.notna().all()
    assert winner.map_share_applicable.between(0.5, 1).all()
    assert winner.map_oa.between(winner.map_oa_low, winner.map_oa_high).all()
    baselines = set(board[board.kind == "baseline"].family)
    assert {"coordinate_1nn", "majority"} <= baselines
    assert not baselines & {"coordinate_1nn", "majority"} & set(refits.family), "a reference is never a candidate"
    grouped = refits.groupby(["rank", "family"]).test_oa.agg(["mean", "std", "count"])
    assert grouped.loc[1]["count"].iloc[0] >= 2


def test_rank_is_settled_before_a_test_label_is_read(finished: runs.Result) -> None:
    ranked = [event.at for event in of(Ranked, read(finished.folder / JOURNAL))]
    scored = [event.at for event in of(Refit, read(finished.folder / REFITS))]
    assert ranked[-1] <= min(scored)
    assert "test_oa" not in (finished.folder / JOURNAL).read_text()


def test_bundle_is_the_winners_first_refit(finished: runs.Result) -> None:
    bundle = load_bundle(finished.folder / "bundle")
    board = pd.read_parquet(finished.folder / "leaderboard.parquet")
    rows = board[(board.kind == "refit") & (board["rank"] == 1) & (board.seed == 0)]
    assert bundle.fitted.config.family == rows.family.iloc[0]
    scores = bundle.provenance.test_scores
    assert scores["oa"] in set(rows.test_oa)
    assert scores["oa_low"] < scores["oa"] < scores["oa_high"]
    assert bundle.provenance.test_pixels == rows.pixels_test.iloc[0]


def test_resume_of_a_finished_run_trains_nothing(finished: runs.Result) -> None:
    refits = len(read(finished.folder / REFITS))
    proposed = of(Proposed, read(finished.folder / JOURNAL))
    again = runs.resume(finished.folder, budget=None, time_limit_s=None)
    assert len(read(finished.folder / REFITS)) == refits
    assert of(Proposed, read(finished.folder / JOURNAL)) == proposed
    assert again.table.drop_columns(["versions"]).equals(finished.table.drop_columns(["versions"]))


def test_extended_budget_adds_trials_and_ranks_again(source: SceneSource, tmp_path: Path) -> None:
    run_config = tiny_study(source, families=("svm",), budget=2, further_splits=0)
    runs.search(run_config, tmp_path / "run")
    extended = runs.resume(tmp_path / "run", budget=4, time_limit_s=None)
    events = read(tmp_path / "run" / JOURNAL)
    kinds = [event.event for event in events]
    assert kinds.count("proposed") == 4
    assert kinds.count("ranked") == 2
    ranked = [row for row in extended.table.to_pylist() if row["kind"] == "refit" and row["rank"] == 1]
    order = [event.order for event in of(Ranked, events)][-1]
    assert {row["trial_id"] for row in ranked} == {order[0].trial_id}
    assert read_config(tmp_path / "run").budget == 4


def test_an_overtaken_model_steps_aside(finished: runs.Result, source: SceneSource, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder)
    prepared = prepare(tiny_study(source))
    rows = finished.table.to_pylist()
    for row in rows:
        row["config_hash"] = "another" if row["rank"] == 1 else row["config_hash"]
    extended = pa.Table.from_pylist(rows, schema=finished.table.schema)
    bundle, messages = export_winner(prepared, folder, extended)
    assert bundle is None
    assert "bundle-previous" in messages[0]
    names = {path.name for path in folder.iterdir()}
    assert "bundle-previous" in names
    assert not names & {"bundle", "map.png"}


def test_no_map_where_time_has_run_out(finished: runs.Result, source: SceneSource, tmp_path: Path) -> None:
    bundle, prepared = load_bundle(finished.folder / "bundle"), prepare(tiny_study(source))
    assert not draw_winner_map(prepared, bundle, finished.table, tmp_path / "map.png", time.monotonic())
    assert not (tmp_path / "map.png").exists()


def test_a_failed_training_is_nothing_trained(
    source: SceneSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(jobs: Any, *_: Any, **__: Any) -> Any:
        for job in jobs:
            yield JobResult(job.key, "failed", "broken")

    monkeypatch.setattr(opened, "run_jobs", failing)
    config = config_from({"family": "svm", "features": "spectra"})
    result = runs.train(tiny_study(source), config, tmp_path / "run")
    assert result.exit_code == 1


def test_smaller_budget_is_refused(finished: runs.Result) -> None:
    with pytest.raises(UserError, match="keeps or extends"):
        runs.resume(finished.folder, budget=1, time_limit_s=None)


def test_resume_refuses_changed_labels(source: SceneSource, finished: runs.Result, tmp_path: Path) -> None:
    assert source.labels is not None
    original = source.labels.read_bytes()
    labels = np.load(source.labels)
    labels[labels == 1] = 2
    try:
        np.save(source.labels, labels)
        with pytest.raises(UserError, match="began with"):
            runs.resume(finished.folder, budget=None, time_limit_s=None)
    finally:
        source.labels.write_bytes(original)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("max-epochs: ", "max-epochs: 9", "`max_epochs`"),
        ("split-seed: ", "split-seed: 5", "split"),
        ("seed: ", "seed: 5", "`seed`"),
    ],
)
def test_resume_refuses_settings_that_were_edited(finished: runs.Result, before: str, after: str, named: str) -> None:
    written = finished.folder / "run.yaml"
    original = written.read_text()
    lines = [after if line.startswith(before) else line for line in original.splitlines()]
    try:
        written.write_text("\n".join(lines) + "\n")
        assert written.read_text() != original
        with pytest.raises(UserError, match=f"{named}.* that it began with"):
            runs.resume(finished.folder)
    finally:
        written.write_text(original)


def test_other_split_has_its_own_table(finished: runs.Result) -> None:
    other = runs.refit(finished.folder, split_seed=7, seeds=1)
    own = {row["split_hash"] for row in finished.table.to_pylist() if row["kind"] == "trial"}
    hashes = {row["split_hash"] for row in other.table.to_pylist() if row["kind"] in ("refit", "baseline")}
    assert len(hashes) == 1
    assert not hashes & own
    assert (finished.folder / "leaderboard-split-7.parquet").exists()


def test_own_split_takes_over_what_is_scored(finished: runs.Result) -> None:
    other = runs.refit(finished.folder, split_seed=0, seeds=1)
    scored = {e.key: e for e in of(Refit, read(finished.folder / REFITS))}
    copied = of(Refit, read(finished.folder / "refits-split-0.jsonl"))
    assert any(e.rank == 1 for e in copied)
    assert all(e == scored[e.key] for e in copied if e.key in scored), "copied, times and all: not scored again"
    families = {row["family"] for row in other.table.to_pylist() if row["kind"] in ("refit", "baseline")}
    assert {"svm", "forest", "cnn2d", "majority", "coordinate_1nn"} <= families


def test_ctrl_c_keeps_what_is_done_and_resumes(
    source: SceneSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_config = tiny_study(source, families=("svm",), budget=2, further_splits=0)
    real = opened.run_jobs

    def interrupted(*arguments: Any, **named: Any) -> Any:
        yield next(iter(real(*arguments, **named)))
        raise KeyboardInterrupt

    monkeypatch.setattr(opened, "run_jobs", interrupted)
    result = runs.search(run_config, tmp_path / "run")
    assert result.exit_code == 130
    assert result.interrupted
    assert (tmp_path / "run" / "leaderboard.parquet").exists()
    monkeypatch.setattr(opened, "run_jobs", real)
    assert runs.resume(tmp_path / "run", budget=None, time_limit_s=None).exit_code == 0


def test_train_gives_the_same_rows_and_bundle(source: SceneSource, tmp_path: Path) -> None:
    config = config_from({"family": "svm", "features": "spectra"})
    run_config = tiny_study(source, budget=1, winner_seeds=2)
    result = runs.train(run_config, config, tmp_path / "run")
    rows = [row for row in result.table.to_pylist() if row["kind"] == "refit"]
    assert [row["seed"] for row in rows] == [0, 1]
    assert all(row["test_oa"] is not None for row in rows)
    assert load_bundle(tmp_path / "run" / "bundle").fitted.config == config
    for goes_on in (
        lambda: runs.resume(tmp_path / "run"),
        lambda: runs.refit(tmp_path / "run", split_seed=1, seeds=1),
    ):
        with pytest.raises(UserError, match="run of a search"):
            goes_on()


def test_bad_input_writes_nothing(source: SceneSource, tmp_path: Path) -> None:
    missing = tiny_study(SceneSource(dataset=str(tmp_path / "nowhere.mat"), labels=source.labels))
    with pytest.raises(UserError):
        runs.search(missing, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UserError, match="new or empty"):
        runs.search(tiny_study(source), tmp_path / "mine")
    with pytest.raises(UserError, match="run folder"):
        runs.resume(tmp_path / "mine", budget=None, time_limit_s=None)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_a_ray_that_ran_before_is_left_alone(finished: runs.Result) -> None:
    assert ray.is_initialized()

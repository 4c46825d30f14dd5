"""A study from the command line to its folder, on a pool that pretends to train."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hsiauto.ablation import load, shipped
from hsiauto.cli.app import main
from hsiauto.scene import Scene
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import read
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.search.workers.resources import Machine
from hsiauto.training.trial import Report

Run = Callable[..., tuple[int, str, str]]
CONFIG = """
question: How wide a kernel?
source: nobody
claim: it matters
family: svm
axes:
  C: [1.0, 10.0, 100.0]
  label_noise: [0.0, 0.2]
reference: {C: 10.0, label_noise: 0.0}
measures: [test_oa, peak_memory_bytes]
"""


class Pretence:
    """Stands for `run_jobs`: a wrong class for ever more pixels; Ctrl-C before job number `stop_at`."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stop_at: int | None = None
        self.at_a_time: int | None = None

    def __call__(
        self, jobs: Sequence[Job], datasets: Mapping[str, Any], run_config: Any, *_: Any, **__: Any
    ) -> Iterator[JobResult]:
        self.at_a_time = run_config.concurrency
        for job in jobs:
            if len(self.jobs) == self.stop_at:
                raise KeyboardInterrupt
            self.jobs.append(job)
            assert job.predict is not None
            predicted = np.full(len(job.predict), len(self.jobs) % 3, np.int64)
            yield JobResult(
                job.key,
                "completed",
                reports=(Report(5, 0.1, 0.2, 0.5, 0.5, 0.5, 1.0, 2**30),),
                predicted=predicted,
                predict_seconds=0.5,
                device="cpu",
                node="n",
            )


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pretence:
    pretence = Pretence()
    monkeypatch.setattr("hsiauto.runs.opened.run_jobs", pretence)
    return pretence


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_scene: Scene,
    pool: Pretence,
) -> Run:
    """Call `hsiauto study` in a folder with a scene and a study -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    np.save("cube.npy", tiny_scene.cube)
    np.save("labels.npy", tiny_scene.labels)
    Path("mine.yaml").write_text(CONFIG)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hsiauto", "study", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return call


SCENE = ("--dataset", "cube.npy", "--labels", "labels.npy", "--protocol", "random", "--train-fraction", "0.3")
MINE = ("mine.yaml", *SCENE, "--max-epochs", "5", "--seeds", "2", "--out", "out")


def test_a_study_ends_in_a_table_a_figure_and_a_leaderboard(run: Run, pool: Pretence) -> None:
    code, said, _ = run(*MINE)
    assert code == 0, said
    assert len(pool.jobs) == 2 + 6 * 2
    assert all(job.own_worker for job in pool.jobs), "memory is measured"
    table = list(csv.DictReader(Path("out/table.csv").read_text().splitlines()))
    assert len(table) == 6 * 2
    assert [row["cell"] for row in table if row["reference"] == "True"] == ["C=10, label_noise=0"] * 2
    assert {row["pairs"] for row in table if row["reference"] == "False"} == {"2"}
    assert float(table[-1]["mean"]) == 1024.0
    board = pd.read_parquet("out/leaderboard.parquet")
    assert board.kind.value_counts().to_dict() == {"refit": 12, "baseline": 2}
    assert board[board.kind == "refit"].groupby("cell").test_oa.count().tolist() == [2] * 6
    assert Path("out/study.png").stat().st_size > 1000
    for words in ("How wide a kernel?", "it matters", "C=10, label_noise=0 (reference)", "one split"):
        assert words in said


def test_what_ctrl_c_left_goes_on_and_is_extended(run: Run, pool: Pretence) -> None:
    pool.stop_at = 5
    code, said, _ = run(*MINE)
    assert code == 130
    assert "hsiauto study --resume out" in said
    assert Path("out/table.csv").exists()
    pool.stop_at = None
    code, said, _ = run("--resume", "out")
    assert code == 0, said
    assert len(pool.jobs) == len({job.key for job in pool.jobs}) == 14, "nothing twice"
    assert run("--resume", "out", "--seeds", "3")[0] == 0
    assert {job.seed for job in pool.jobs[14:]} == {2}
    assert len(pool.jobs) == 20
    events = of(Refit, read(Path("out/refits.jsonl")))
    assert len(events) == len({event.key for event in events}) == 20


def test_a_study_that_validates_on_one_class_is_refused(run: Run, pool: Pretence) -> None:
    labels = np.ones((40, 40), np.int16)
    labels[1, 1:4] = labels[38, 36:39] = 2
    labels[1, 36:39] = labels[38, 1:4] = 3
    np.save("labels.npy", labels)
    arguments = ("mine.yaml", *SCENE[:4], "--protocol", "blocks", "--buffer", "2", "--max-epochs", "5")
    assert run(*arguments, "--out", "of-test")[0] == 0, "its measures need no validation"
    text = CONFIG.replace("test_oa, peak_memory_bytes", "val_loss").replace("svm", "cnn1d")
    Path("mine.yaml").write_text(text.replace("C: [1.0, 10.0, 100.0]", "depth: [1, 2]").replace("C: 10.0", "depth: 1"))
    code, _, erred = run(*arguments, "--out", "of-validation")
    assert code == 2
    assert "validation must hold two classes" in erred
    assert not Path("of-validation").exists()


def test_some_cells_first_the_others_later(run: Run, pool: Pretence) -> None:
    assert run(*MINE, "--cells", "C=1,label_noise=0", "--cells", "C=100,label_noise=0.2")[0] == 0
    cells = [(job.config.active()["C"], job.data) for job in pool.jobs if job.config.family == "svm"]
    assert len(cells) == 3 * 2, "the reference too"
    assert run("--resume", "out", "--cells", "all")[0] == 0
    assert len(pool.jobs) == 2 + 6 * 2


def test_as_many_train_at_a_time_as_the_machine_holds(
    run: Run, pool: Pretence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hsiauto.runs.opened.prepare_workers", lambda *_, **__: Machine(4))
    assert run(*MINE)[0] == 0
    assert pool.at_a_time == 4
    assert run(*MINE[:-1], "few", "--seeds", "1", "--cells", "C=1,label_noise=0")[0] == 0
    assert pool.at_a_time == 2, "there are no more"
    assert run(*MINE[:-1], "one", "--concurrency", "1")[0] == 0
    assert pool.at_a_time == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("nowhere",), "hsiauto study"),
        (("cpdgal_maskin",), "Did you mean cpdgal_masking"),
        (("mine.yaml", "--cells", "C=7"), "C=7"),
        (("mine.yaml", "--cells", "C"), "axis=value"),
        (("mine.yaml", "--set", "svm.C=1"), "not pinned"),
        (("mine.yaml", "--set", "cnn2d.width=8"), "svm"),
        (("mine.yaml", "--preset", "huge"), "huge"),
        (("mine.yaml", "--splits", "2", "--protocol", "fixed", "--train-map", "labels.npy"), "--splits"),
        (("mine.yaml", "--seeds", "2", "--splits", "3"), "3 --splits, 2 --seeds"),
        (("--seeds", "2"), "need the name of a study"),
        (("--resume", "out", "--max-epochs", "3"), "own settings"),
        (("--resume", "nowhere"), "run folder"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run: Run, options: tuple[str, ...], words: str) -> None:
    scene = SCENE[:4] if "fixed" in options else SCENE
    code, _, error = run(*options, *(() if options[0].startswith("--") else (*scene, "--out", "out")))
    assert code == 2
    assert re.search(words, error), error
    assert error.count("\n") == 1
    assert not Path("out").exists()


def test_a_resumed_study_keeps_its_seeds_and_its_folder_is_not_a_search(run: Run) -> None:
    assert run(*MINE)[0] == 0
    code, _, error = run("--resume", "out", "--seeds", "1")
    assert code == 2
    assert "below 2" in error
    code, _, error = run(*MINE)
    assert code == 2, "a new study wants a new folder"
    assert "go on with the run in it: --resume out" in error


def test_without_a_name_the_studies_are_listed(run: Run) -> None:
    code, said, _ = run()
    assert code == 0
    assert all(name in said for name in shipped())
    assert load(shipped()[0])[1].question.split()[0] in said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("splits", 2),
        ("seeds", 1),
        ("definition.pins", {"features": "multiscale"}),
        ("definition.max_epochs", 9),
        ("definition.axes", {"C": [1.0, 10.0, 100.0], "label_noise": [0.0, 0.4]}),
        ("definition.claim", "it does not"),
    ],
)
def test_a_study_whose_record_was_edited_is_not_resumed(run: Run, pool: Pretence, field: str, value: object) -> None:
    assert run(*MINE)[0] == 0
    asked = json.loads(Path("out/ablation.json").read_text())
    *parents, name = field.split(".")
    where = asked["definition"] if parents else asked
    assert where[name] != value
    where[name] = value
    Path("out/ablation.json").write_text(json.dumps(asked))
    before, pool.jobs = Path("out/journal.jsonl").read_bytes(), []
    code, _, said = run("--resume", "out")
    assert (code, pool.jobs) == (2, [])
    assert f"a study goes on with the {name} that it began with" in said
    assert Path("out/journal.jsonl").read_bytes() == before


def test_a_study_whose_run_yaml_was_edited_is_not_resumed(run: Run, pool: Pretence) -> None:
    assert run(*MINE)[0] == 0
    written = Path("out/run.yaml").read_text()
    assert "max-epochs: 5" in written
    Path("out/run.yaml").write_text(written.replace("max-epochs: 5", "max-epochs: 7"))
    code, _, said = run("--resume", "out")
    assert code == 2
    assert "`max_epochs`" in said or "--max-epochs" in said

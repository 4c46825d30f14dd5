"""A run that loses its bundle, or its folder. Trains in this process, without Ray."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hsiauto import runs
from hsiauto.errors import UserError
from hsiauto.families.svm import SvmConfig
from hsiauto.models.bundle import load_bundle, model_files, save_files
from hsiauto.runs import opened
from hsiauto.runs import run as phases
from hsiauto.runs.folder import REFITS
from hsiauto.runs.prepare import Prepared
from hsiauto.search.events import from_line
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial
from tests import told
from tests.cli.conftest import Run, run
from tests.runs.test_kept import prepared

__all__ = ["prepared", "run"]

WINNER = SvmConfig(C=10.0, features="spectra")


def _search(folder: Path, run_config: Any, space: Any, data: Any, journal: Journal, *_: Any, **__: Any) -> None:
    """Stands for `run_search`: one trial, once."""
    if any(event.event == "proposed" for event in journal.events):
        return
    last = told.reported(epoch=run_config.max_epochs, decision="complete")
    for event in (told.proposed(of=WINNER), told.started(), last, told.ended()):
        journal.append(event)


def _train(jobs: Sequence[Job], datasets: Mapping[str, TrialData], *_: Any, **__: Any) -> Iterator[JobResult]:
    """Stands for `run_jobs`: networks fail, as they would take too long here."""
    for job in jobs:
        if job.config.kind == "torch":
            yield JobResult(job.key, "failed", "no network here")
            continue
        data = datasets[job.data]
        trial = Trial(job.config, data, seed=job.seed, max_epochs=job.max_epochs)
        report, fitted = trial.step(), trial.fitted()
        if job.save_to is not None:
            save_files(model_files(fitted), job.save_to)
        predicted = None
        if job.predict is not None:
            predicted = fitted.probabilities(data.cube, data.valid, job.predict).argmax(axis=1)
        yield JobResult(job.key, "completed", reports=(report,), predicted=predicted, predict_seconds=1.0)


@pytest.fixture
def folder(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run."""
    monkeypatch.setattr(phases, "run_search", _search)
    monkeypatch.setattr(opened, "run_jobs", _train)
    config = prepared.run_config.model_copy(update={"further_splits": 0, "winner_seeds": 1, "further_folds": 1})
    assert runs.search(config, tmp_path / "run").exit_code == 0
    return tmp_path / "run"


def test_a_lost_bundle_is_made_again_and_not_scored_again(folder: Path, run: Run) -> None:
    bundle = folder / "bundle"
    before, refits = load_bundle(bundle), (folder / REFITS).read_bytes()
    bundle.rename(folder / "kept")
    for command in ("leaderboard", "show"):
        code, out, _ = run(command, str(folder))
        assert code == 0
        assert f"{bundle} is gone. --resume {folder} makes it again." in out
    code, _, said = run("predict", str(bundle), "anything.npy", "--out", "map.npy")
    assert code == 2
    assert f"--resume {folder} makes it again." in said
    (folder / "kept" / "provenance.json").write_text("{}")
    (folder / "kept").rename(bundle)  # and now it is damaged
    result = runs.resume(folder)
    assert result.exit_code == 0
    assert any(note.startswith("bundle was damaged") and "not scored again" in note for note in result.notes)
    again = load_bundle(bundle)
    assert again.fitted.config == before.fitted.config == WINNER
    assert again.provenance.test_scores == before.provenance.test_scores
    assert [path.read_text() for path in folder.glob("bundle-other-*/provenance.json")] == ["{}"]
    added = (folder / REFITS).read_bytes().removeprefix(refits).splitlines()
    assert [from_line(line).event for line in added] == ["model"]
    assert "is gone" not in run("show", str(folder))[1]


def test_a_resume_without_time_says_what_makes_a_lost_bundle_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bundle").rename(folder / "elsewhere")
    monkeypatch.setattr(opened, "run_jobs", lambda jobs, *_, **__: [JobResult(job.key, "skipped") for job in jobs])
    result = runs.resume(folder)
    assert f"bundle is gone. `resume` {folder} makes it again." in result.notes


def test_a_refit_and_a_resume_of_a_run_yaml_that_was_edited_are_refused(folder: Path) -> None:
    written = (folder / "run.yaml").read_text()
    (folder / "run.yaml").write_text(written.replace("max-epochs: ", "max-epochs: 1"))
    assert (folder / "run.yaml").read_text() != written
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "lock"}
    for goes_on in (lambda: runs.resume(folder), lambda: runs.refit(folder, split_seed=1, seeds=1)):
        with pytest.raises(UserError, match="`max_epochs` that it began with"):
            goes_on()
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "lock"} == before


def test_a_run_whose_folder_is_removed_under_it_ends_with_all_of_it(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, removed = tmp_path / "run", list[str]()

    def train(*arguments: Any, **named: Any) -> Iterator[JobResult]:
        for result in _train(*arguments, **named):
            yield result
            if len(removed) < 3:
                shutil.rmtree(folder)
                removed.append(result.key)

    monkeypatch.setattr(phases, "run_search", _search)
    monkeypatch.setattr(opened, "run_jobs", train)
    config = prepared.run_config.model_copy(update={"further_splits": 0, "winner_seeds": 1, "further_folds": 1})
    result = runs.search(config, folder)
    assert result.exit_code == 0
    assert len(removed) == 3
    names = {"run.yaml", "split.npz", "journal.jsonl", "refits.jsonl", "leaderboard.parquet", "lock"}
    assert names <= {path.name for path in folder.iterdir()}
    assert any("journal.jsonl was removed" in text for text in result.warnings)
    monkeypatch.setattr(opened, "run_jobs", _train)
    before = (folder / REFITS).read_bytes()
    assert runs.resume(folder).exit_code == 0
    assert load_bundle(folder / "bundle").fitted.config == WINNER
    added = (folder / REFITS).read_bytes().removeprefix(before).splitlines()
    assert [from_line(line).event for line in added] in ([], ["model"]), "nothing is scored twice"

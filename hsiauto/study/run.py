"""The phases of a study in order: search, re-evaluation, refit, export, pictures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from hsiauto import leaderboard as boards
from hsiauto.config import StudyConfig
from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.files import run_lock
from hsiauto.provenance import git_commit, versions
from hsiauto.refit import Work, reevaluate, refit, refit_config, refit_on_split
from hsiauto.report.progress import Progress
from hsiauto.report.search_figure import draw_search
from hsiauto.search.cluster import own_ray
from hsiauto.search.driver import run_search
from hsiauto.search.journal import Event, Journal, read
from hsiauto.search.pool import run_jobs
from hsiauto.split import load_split
from hsiauto.study import folder as folders
from hsiauto.study.clock import Deadlines
from hsiauto.study.export import draw_winner_map, export_winner
from hsiauto.study.prepare import Prepared, prepare

NOTHING_TRAINED, INTERRUPTED = 1, 130


@dataclass(frozen=True)
class Result:
    """What a command leaves and says."""

    folder: Path
    table: pa.Table
    messages: tuple[str, ...] = ()
    exit_code: int = 0


def search(study: StudyConfig, folder: Path, *, console: Console) -> Result:
    """Run a whole study in a new folder. Bad input raises UserError before anything is written."""
    folders.check_new(folder)
    prepared = prepare(study)
    folders.create(folder, prepared.study, prepared.split)
    with run_lock(folder):
        return _drive(prepared, folder, console)


def resume(folder: Path, *, budget: int | None, time_limit_s: float | None, console: Console) -> Result:
    """Go on with the run in `folder`; a larger `budget` extends it, a time limit counts from now."""
    study = folders.read_study(folder)
    if budget is not None and budget < study.budget:
        raise UserError(
            "a resumed run keeps or extends its budget", f"{budget}, below {study.budget}", "Leave --budget out."
        )
    changes: dict[str, Any] = {"budget": budget or study.budget}
    if time_limit_s is not None:
        changes["time_limit_s"] = time_limit_s
    with run_lock(folder):
        prepared = _reopen(study.model_copy(update=changes), folder)
        folders.write_study(folder, prepared.study)
        return _drive(prepared, folder, console)


def train(study: StudyConfig, config: FamilyConfig, folder: Path, *, console: Console) -> Result:
    """Train one config without a search, score it once a seed on the sealed test, export it."""
    folders.check_new(folder)
    if config.kind == "reference":
        raise UserError("a reference stands on every leaderboard and is never trained alone", config.family)
    prepared = prepare(study)
    bounded = config.bounded(prepared.scene.n_bands, len(prepared.data.train_pixels))
    folders.create(folder, prepared.study, prepared.split)
    with run_lock(folder), _run(prepared, folder, console) as run:
        run.phase(lambda: refit_config(run.work, run.refits, bounded, study.winner_seeds, folder))
        return run.finish()


def refit_other_split(folder: Path, *, split_seed: int, seeds: int, top: int | None = None, console: Console) -> Result:
    """Retrain the chosen configs of a finished search on another split; rows and tables in `split-<seed>/`."""
    study = folders.read_study(folder)
    with run_lock(folder):
        prepared = _reopen(study, folder)
        if not any(event["event"] == "ranked" for event in read(folder / folders.JOURNAL)):
            raise UserError(
                "a refit needs a finished search", folder, f"`hsiauto search --resume {folder}` finishes it."
            )
        with _run(prepared, folder, console, refits=f"refits-split-{split_seed}.jsonl") as run:
            run.phase(lambda: refit_on_split(run.work, run.refits, split_seed, seeds, top))
            table = run.write_board(f"leaderboard-split-{split_seed}.parquet")
            return Result(folder, table, run.messages(table), INTERRUPTED if run.interrupted else 0)


def _drive(prepared: Prepared, folder: Path, console: Console) -> Result:
    study = prepared.study
    deadlines = Deadlines.start(study.time_limit_s)
    with _run(prepared, folder, console) as run:
        run.phase(
            lambda: run_search(
                folder, study, prepared.space, prepared.data, run.journal, deadlines.search, run.work.on_event
            )
        )
        run.write_board()
        run.phase(lambda: reevaluate(run.work, deadlines.reevaluation))
        run.phase(lambda: refit(run.work, run.refits, folder, deadlines.refit))
        return run.finish()


class _Run:
    """An open run: journals, pool, progress; and what is written whenever a phase has ended."""

    def __init__(self, prepared: Prepared, folder: Path, journal: Journal, refits: Journal, progress: Progress) -> None:
        self.prepared, self.folder, self.journal, self.refits = prepared, folder, journal, refits
        self.work = Work(prepared.study, prepared.scene, prepared.split, journal, run_jobs, progress)
        self.interrupted = False

    def phase(self, step: Callable[[], object]) -> None:
        """Run a phase. After Ctrl-C nothing more is started, and what is done is still written."""
        if self.interrupted:
            return
        try:
            step()
        except KeyboardInterrupt:
            self.interrupted = True

    def write_board(self, name: str = folders.LEADERBOARD) -> pa.Table:
        scene = self.prepared.scene
        context = boards.Context(
            self.folder.resolve().name, scene.name, self.prepared.study, self.prepared.split, scene.n_bands
        )
        table = boards.rows(self.journal.events, self.refits.events, context)
        boards.write(table, self.folder / name)
        return table

    def finish(self) -> Result:
        """The table first, then the model, then the pictures: what matters most is safe first."""
        table = self.write_board()
        bundle = export_winner(self.prepared, self.folder, table)
        if bundle is not None:
            draw_winner_map(self.prepared, bundle, self.folder / folders.MAP)
        if any(event["event"] == "report" for event in self.journal.events):
            draw_search(self.journal.events, self.prepared.study, self.folder / folders.SEARCH_FIGURE)
        trained = any(event["event"] == "refit" and event["kind"] == "refit" for event in self.refits.events)
        trained |= any(event["event"] == "ended" and event["state"] == "completed" for event in self.journal.events)
        code = INTERRUPTED if self.interrupted else 0 if trained else NOTHING_TRAINED
        return Result(self.folder, table, self.messages(table), code)

    def messages(self, table: pa.Table) -> tuple[str, ...]:
        """What a reader of the table must be told."""
        warnings = [event["text"] for event in self.journal.events if event["event"] == "warning"]
        skipped = [event for event in self.refits.events if event["event"] == "refit" and event["state"] == "skipped"]
        lines = [*(f"note: {note}" for note in self.prepared.notes), *(f"warning: {text}" for text in warnings)]
        lines += boards.winner_statement(table)
        if skipped:
            lines.append(f"the time limit left out {len(skipped)} refits; --resume with a longer one adds them")
        if self.interrupted:
            lines.append(f"interrupted; `hsiauto search --resume {self.folder}` goes on")
        return tuple(lines)


@contextmanager
def _run(prepared: Prepared, folder: Path, console: Console, refits: str = folders.REFITS) -> Iterator[_Run]:
    study = prepared.study
    with (
        own_ray(),
        Journal(folder / folders.JOURNAL) as journal,
        Journal(folder / refits) as refit_journal,
        Progress(console, study.budget, study.objective, study.time_limit_s) as progress,
    ):
        for event in journal.events:
            progress(event)
        if journal.events:
            journal.append("resumed", budget=study.budget)
        else:
            journal.append("study", **_opening(prepared))
        yield _Run(prepared, folder, journal, refit_journal, progress)


def _opening(prepared: Prepared) -> Event:
    scene, split = prepared.scene, prepared.split
    return {
        "study": prepared.study.model_dump(mode="json"),
        "scene": scene.name,
        "data_hash": scene.data_hash,
        "n_classes": len(split.classes),
        "class_names": [scene.class_names[k - 1] for k in split.classes],
        "split_hash": split.hash,
        "versions": versions(),
        "git_commit": git_commit(),
    }


def _reopen(study: StudyConfig, folder: Path) -> Prepared:
    """The study of a run on the same scene and split as before. Raises UserError where either has changed."""
    prepared = prepare(study)
    split = load_split(folder / folders.SPLIT)
    if split.hash != prepared.split.hash:
        raise UserError(
            f"a run goes on with the split that it began with, {split.hash}",
            f"{prepared.split.hash}: the scene, its labels or the splitter has changed",
            "Restore the data, or start a new run.",
        )
    for event in read(folder / folders.JOURNAL):
        if event["event"] == "study" and event["data_hash"] != prepared.scene.data_hash:
            raise UserError(
                "a run goes on with the data that it began with",
                f"{prepared.scene.name} with another sha256 than the journal's",
                "Restore the data, or start a new run.",
            )
    return prepared

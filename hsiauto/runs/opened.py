"""An open run: its folder, journals and workers, and what is written whenever a phase has ended."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from hsiauto import leaderboard as boards
from hsiauto.config import RunConfig
from hsiauto.errors import RayLost
from hsiauto.files import run_lock
from hsiauto.refit import Work
from hsiauto.report.distance_figure import draw_distance
from hsiauto.report.labels_figure import draw_labels
from hsiauto.report.search_figure import draw_search
from hsiauto.runs import folder as folders
from hsiauto.runs.clock import Deadlines
from hsiauto.runs.export import export_winner, why_model_lost
from hsiauto.runs.kept import Kept
from hsiauto.runs.prepare import Prepared, reopen
from hsiauto.runs.provenance import git_commit, versions
from hsiauto.runs.report import write_report
from hsiauto.runs.result import Result
from hsiauto.runs.seconds_here import seconds_here
from hsiauto.runs.watch import Watch
from hsiauto.runs.winner_map import draw_winner_map
from hsiauto.search.events import Ended, Mapped, Opened, Refit, Reported, Resumed, Warned, of
from hsiauto.search.events.transient import RunOpened
from hsiauto.search.journal import Journal
from hsiauto.search.warnings import standing_warnings
from hsiauto.search.workers.cluster import prepare_workers
from hsiauto.search.workers.driver import LeftAtOnce
from hsiauto.search.workers.environment import later
from hsiauto.search.workers.local_ray import ray_for_a_run
from hsiauto.search.workers.pool import run_jobs
from hsiauto.search.workers.resources import Machine
from hsiauto.split.seal import class_names


class OpenRun:
    """An open run: journals and workers; and what is written whenever a phase has ended."""

    def __init__(
        self, prepared: Prepared, folder: Path, journals: tuple[Journal, Journal], machine: Machine, watch: Watch
    ) -> None:
        self.prepared, self.folder, self.machine, self.watch = prepared, folder, machine, watch
        self.journal, self.refits = journals
        self.searches = prepared.run_config.command == "search" and self.refits.path.name == folders.REFITS
        pool = partial(run_jobs, machine=machine, stop=watch.stop)
        self.work = Work(
            prepared.run_config,
            prepared.scene,
            prepared.split,
            self.journal,
            pool,
            watch.on_event,
            partial(seconds_here, prepared, machine),
        )
        self.deadlines = Deadlines.share(watch.began, prepared.run_config.time_limit_s, watch.start_s)
        self.interrupted, self.lost = False, ""
        self.kept = Kept(folder)
        self.journal.on_lost = self.refits.on_lost = self.kept.regain

    def phase(self, step: Callable[[], object]) -> None:
        """Run a phase. After Ctrl-C, `stop` or the loss of Ray nothing more is started, and what is done is still
        written; after a second Ctrl-C, nothing."""
        if self.interrupted:
            return
        self.kept.look()
        try:
            self.watch.check()
            step()
        except LeftAtOnce:
            raise
        except KeyboardInterrupt:
            self.interrupted = True
        except RayLost as lost:
            self.interrupted, self.lost = True, str(lost)

    def writing(self) -> AbstractContextManager[None]:
        """Write within: a first Ctrl-C waits until that is done."""

        def press() -> None:
            if self.interrupted:
                raise LeftAtOnce
            self.interrupted = True

        return later(press)

    def write_board(self, name: str = folders.LEADERBOARD) -> pa.Table:
        """The leaderboard of what is journalled; a folder that was removed is made again first, and that is told."""
        for journal in (self.journal, self.refits):
            journal.keep()
        while self.kept.happened:
            self.work.record(self.journal, Warned(about="folder", text=self.kept.happened.pop(0)))
        scene = self.prepared.scene
        context = boards.Context(self.folder.resolve().name, scene.name, self.prepared.run_config, self.prepared.split)
        with self.writing():
            table = boards.rows(self.journal.events, self.refits.events, context)
            boards.write(table, self.folder / name)
        return table

    def finish(self, notes: Sequence[str] = (), lost: str = "") -> Result:
        """The table first, then the model, then the pictures: what matters most is safe first. After Ctrl-C the map of
        the whole scene, which may take minutes, is left to a resume.

        lost: what had become of a model that was saved before, which this call has trained again.
        """
        with self.writing():
            table = self.write_board()
            bundle, of_export = export_winner(self.prepared, self.folder, table)
            if bundle is not None and lost:
                of_export += (f"{lost}: the winner was trained again, as before, and not scored again",)
            elif bundle is None and (lost := why_model_lost(self.prepared, self.folder, self.refits.events)):
                of_export += (f"{lost}. {folders.makes_bundle_again(self.folder)}",)
            if of(Reported, self.journal.events):
                draw_search(self.journal.events, self.prepared.run_config, self.folder / folders.SEARCH_FIGURE)
            draw_labels(self.refits.events, self.folder / folders.LABELS_FIGURE)
            draw_distance(table, self.folder / folders.DISTANCE_FIGURE)
        left_out = False

        def draw() -> None:
            nonlocal left_out, table
            if bundle is None or not self.prepared.split.spec.has_places:
                return
            drawn = draw_winner_map(self.prepared, bundle, table, self.folder / folders.MAP, self.deadlines.end)
            left_out = drawn is None
            if drawn is None or (share := drawn.share_applicable) is None:
                return
            known = {event.config_hash: event.share_applicable for event in of(Mapped, self.refits.events)}
            if known.get(own := bundle.fitted.config.hash()) != share:
                self.work.record(self.refits, Mapped(config_hash=own, share_applicable=share))
                table = self.write_board()

        self.phase(draw)
        with self.writing():
            write_report(self.folder, self.prepared.run_config, self.journal.events, self.refits.events, table)
        return self.result(table, notes=(*notes, *self.prepared.notes, *of_export), map_left_out=left_out)

    def result(self, table: pa.Table, notes: Sequence[str], map_left_out: bool = False) -> Result:
        latest = {event.key: event.state for event in of(Refit, self.refits.events)}
        labels = boards.label_statement(table, len(self.prepared.split.pool))
        return Result(
            self.folder,
            table,
            trained=self.trained,
            interrupted=self.interrupted,
            lost=self.lost,
            skipped_refits=list(latest.values()).count("skipped"),
            map_left_out=map_left_out,
            notes=tuple(notes),
            warnings=tuple(dict.fromkeys((*standing_warnings(self.journal.events), *boards.table_warnings(table)))),
            statements=(*boards.winner_statement(table), *labels),
        )

    @property
    def trained(self) -> bool:
        """References and baselines are always there: only what was searched or asked for counts as trained."""
        states: set[str] = {event.state for event in of(Refit, self.refits.events) if event.kind == "refit"}
        if self.searches:
            states |= {event.state for event in of(Ended, self.journal.events)}
        return "completed" in states


@contextmanager
def new_run(
    prepared: Prepared,
    folder: Path,
    watch: Watch,
    work: Mapping[str, Any] | None = None,
    study: dict[str, Any] | None = None,
) -> Iterator[OpenRun]:
    """A run in the new `folder`, whose workers are checked before anything is written.

    work: see `folder.create`. study: for the journal's first event.
    """
    with ray_for_a_run():
        machine = prepare_workers(prepared.run_config, folder, new=True)
        with folders.claimed(folder):
            folders.create(folder, prepared.run_config, prepared.split, work, prepared.scene.groups)
            with _open(prepared, folder, machine, watch, folders.REFITS, study) as run:
                yield run


@contextmanager
def earlier_run(run_config: RunConfig, folder: Path, watch: Watch, refits: str = folders.REFITS) -> Iterator[OpenRun]:
    """The run of `run_config` in `folder`, which goes on. refits: the name of the journal of its refits."""
    with ray_for_a_run(), run_lock(folder):
        machine = prepare_workers(run_config, folder, new=False)
        prepared = reopen(run_config, folder, watch.downloading)
        with _open(prepared, folder, machine, watch, refits) as run:
            yield run


@contextmanager
def _open(
    prepared: Prepared,
    folder: Path,
    machine: Machine,
    watch: Watch,
    refits: str,
    study: dict[str, Any] | None = None,
) -> Iterator[OpenRun]:
    run_config = prepared.run_config
    with Journal(folder / folders.JOURNAL) as journal, Journal(folder / refits) as refit_journal:
        run = OpenRun(prepared, folder, (journal, refit_journal), machine, watch)
        past = (*journal.events, *refit_journal.events) if run.searches else ()
        watch.on_event(RunOpened(run_config, run.searches, run.deadlines.end, past, prepared.told))
        if not journal.events:
            run.work.record(journal, opening(prepared, study, time.monotonic() - watch.began))
            for text in prepared.warnings:
                run.work.record(journal, Warned(about="split", text=text))
        elif run.searches:
            run.work.record(journal, Resumed(budget=run_config.budget))
        try:
            yield run
        finally:
            run.kept.close()


def opening(prepared: Prepared, study: dict[str, Any] | None = None, start_seconds: float = 0.0) -> Opened:
    """The first event of a run's journal."""
    scene, split = prepared.scene, prepared.split
    return Opened(
        config=prepared.run_config.model_dump(mode="json"),
        scene=scene.name,
        data_hash=scene.data_hash,
        n_classes=len(split.classes),
        class_names=class_names(scene, split),
        split_hash=split.hash,
        versions=versions(),
        git_commit=git_commit(),
        notes=tuple(prepared.notes),
        study=study,
        start_seconds=start_seconds,
    )

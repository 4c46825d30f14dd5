"""An open run folder: its journals, its pool, its progress, and what is written whenever a phase has ended."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from hsiauto import leaderboard as boards
from hsiauto.refit import Work
from hsiauto.report.labels_figure import draw_labels
from hsiauto.report.progress import Progress
from hsiauto.report.search_figure import draw_search
from hsiauto.runs import folder as folders
from hsiauto.runs.export import export_winner
from hsiauto.runs.prepare import Prepared
from hsiauto.runs.provenance import git_commit, versions
from hsiauto.runs.winner_map import draw_winner_map
from hsiauto.search.events import Ended, Event, Opened, Proposed, Refit, Reported, Resumed, Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.driver import LeftAtOnce
from hsiauto.search.workers.local_ray import own_ray
from hsiauto.search.workers.pool import run_jobs

NOTHING_TRAINED, INTERRUPTED = 1, 130


@dataclass(frozen=True)
class Result:
    """What a command leaves and says."""

    folder: Path
    table: pa.Table
    messages: tuple[str, ...] = ()
    exit_code: int = 0


class OpenRun:
    """An open run: journals, pool, progress; and what is written whenever a phase has ended."""

    def __init__(
        self,
        prepared: Prepared,
        folder: Path,
        journal: Journal,
        refits: Journal,
        progress: Progress,
        goes_on: str | None,
        searches: bool,
    ) -> None:
        self.prepared, self.folder, self.journal, self.refits = prepared, folder, journal, refits
        self.work = Work(prepared.run_config, prepared.scene, prepared.split, journal, run_jobs, progress)
        self.interrupted = False
        self.goes_on = goes_on
        """The command that goes on where this one ended; None: there is none."""
        self.searches = searches

    def phase(self, step: Callable[[], object]) -> None:
        """Run a phase. After Ctrl-C nothing more is started, and what is done is still written; after two, nothing."""
        if self.interrupted:
            return
        try:
            step()
        except LeftAtOnce:
            raise
        except KeyboardInterrupt:
            self.interrupted = True

    def write_board(self, name: str = folders.LEADERBOARD) -> pa.Table:
        scene = self.prepared.scene
        context = boards.Context(self.folder.resolve().name, scene.name, self.prepared.run_config, self.prepared.split)
        table = boards.rows(self.journal.events, self.refits.events, context)
        boards.write(table, self.folder / name)
        return table

    def finish(self, end: float | None = None) -> Result:
        """The table first, then the model, then the pictures: what matters most is safe first."""
        table = self.write_board()
        bundle, notes = export_winner(self.prepared, self.folder, table)
        if of(Reported, self.journal.events):
            draw_search(self.journal.events, self.prepared.run_config, self.folder / folders.SEARCH_FIGURE)
        draw_labels(self.refits.events, self.folder / folders.LABELS_FIGURE)
        if bundle is not None:
            drawn = draw_winner_map(self.prepared, bundle, table, self.folder / folders.MAP, end)
            if not drawn:
                notes += ("the time left could not hold the map of the whole scene; `hsiauto predict` draws one",)
        return Result(self.folder, table, (*self.messages(table), *notes), self.exit_code)

    @property
    def exit_code(self) -> int:
        """References and baselines are always there: only what was searched or asked for counts as trained."""
        if self.interrupted:
            return INTERRUPTED
        states: set[str] = {event.state for event in of(Refit, self.refits.events) if event.kind == "refit"}
        if self.searches:
            states |= {event.state for event in of(Ended, self.journal.events)}
        return 0 if "completed" in states else NOTHING_TRAINED

    def messages(self, table: pa.Table) -> tuple[str, ...]:
        """What a reader of the table must be told."""
        warnings = standing_warnings(self.journal.events)
        latest = {event.key: event.state for event in of(Refit, self.refits.events)}
        skipped = list(latest.values()).count("skipped")
        lines = [*(f"note: {note}" for note in self.prepared.notes), *(f"warning: {text}" for text in warnings)]
        lines += [*boards.winner_statement(table), *boards.label_statement(table, len(self.prepared.split.pool))]
        if skipped:
            lines.append(
                f"the time limit left out {skipped} refits; `{self.goes_on}` finishes the search first where it is not "
                "done, then trains them, with the same time limit counted anew unless another is given"
            )
        if self.interrupted:
            way = f"`{self.goes_on}` goes on" if self.goes_on else "what was scored is in the table"
            lines.append(f"interrupted; {way}")
        return tuple(lines)


def standing_warnings(events: Sequence[Event]) -> list[str]:
    """Texts of the warnings in a journal that still hold: of families left out, those that have had no trial since."""
    tried, told = {event.family for event in of(Proposed, events)}, of(Warned, events)
    outdated = [event for event in told if event.about == "budget"][:-1]  # a larger budget was judged anew
    standing: list[str] = []
    for event in told:
        text, left_out = event.text, event.families
        if event.about in ("budget", "time"):
            still = [family for family in left_out if family not in tried]
            if not still or event in outdated:
                continue
            text = text.replace(", ".join(left_out), ", ".join(still))
        standing.append(text)
    return standing


@contextmanager
def open_run(
    prepared: Prepared,
    folder: Path,
    console: Console,
    goes_on: str | None = None,
    end: float | None = None,
    *,
    searches: bool = False,
    refits: str = folders.REFITS,
) -> Iterator[OpenRun]:
    run_config = prepared.run_config
    with (
        own_ray(),
        Journal(folder / folders.JOURNAL) as journal,
        Journal(folder / refits) as refit_journal,
        Progress(console, run_config.objective, run_config.budget if searches else None, end) as progress,
    ):
        if not journal.events:
            journal.append(opening(prepared))
        elif searches:
            for event in (*journal.events, *refit_journal.events):
                progress(event)
            progress(journal.append(Resumed(budget=run_config.budget)))
        yield OpenRun(prepared, folder, journal, refit_journal, progress, goes_on, searches)


def opening(prepared: Prepared) -> Opened:
    """The first event of a run's journal."""
    scene, split = prepared.scene, prepared.split
    return Opened(
        config=prepared.run_config.model_dump(mode="json"),
        scene=scene.name,
        data_hash=scene.data_hash,
        n_classes=len(split.classes),
        class_names=tuple(scene.class_names[k - 1] for k in split.classes),
        split_hash=split.hash,
        versions=versions(),
        git_commit=git_commit(),
        notes=tuple(prepared.notes),
    )

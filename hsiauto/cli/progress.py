"""Live progress of a run: what arrives, what is done, the best so far, the time left. A function of its events."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from hsiauto.cli.console import printable
from hsiauto.cli.notebook import Cell
from hsiauto.search.events import Event, Refit, Reported, Warned
from hsiauto.search.events.transient import Classifying, Downloading, Forecast, OnEvent, RunOpened, Transient
from hsiauto.search.standing import Standing

_SHOWN = ("running", "completed", "stopped", "failed", "refused", "interrupted")
"""States of trials, in the order in which they are counted."""
_LINE_EVERY_S = 15.0
"""How often a line is printed if the output is no terminal (a log file, CI)."""


class Progress:
    """An `on_event` that keeps a few lines on the terminal, or below the cell of a notebook, up to date. Use as a
    context manager.

    Best is what was trained to the end: values at fewer epochs are shown as running, and compare with nothing.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._bars = console, FileBars(console)
        self._opened: RunOpened | None = None
        self._standing = Standing(phase="refit")
        self._started = time.monotonic()
        self._latest: dict[str, tuple[int, float | None]] = {}
        self._forecast: Forecast | None = None
        self._forecast_at = self._started
        self._last_line = self._started
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=2, transient=True)
        self._cell = Cell() if console.is_jupyter else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.close()
        if self._console.is_terminal:
            self._live.stop()
        elif self._cell is not None and self._opened is not None:
            self._cell.show(Text(self._line()), now=True)
        elif self._opened is not None:
            self._console.print(self._line())

    def __call__(self, event: Event | Transient) -> None:
        match event:
            case Downloading():
                self._bars(event.file, event.done, event.total)
            case RunOpened():
                self._open(event)
            case Forecast():
                self._expect(event)
            case Classifying():
                pass
            case _:
                self._take(event)
        if self._cell is not None and self._opened is not None:
            self._cell.show(self._render())
            return
        on_line = self._opened is not None and not self._console.is_terminal
        if on_line and time.monotonic() - self._last_line >= _LINE_EVERY_S:
            self._last_line = time.monotonic()
            self._console.print(self._line())

    def _open(self, opened: RunOpened) -> None:
        self._bars.close()
        self._opened, self._standing.objective = opened, opened.run_config.objective
        if opened.searches:
            self._standing.budget, self._standing.phase = opened.run_config.budget, "search"
        for line in opened.told:
            self._console.print(line, markup=False, highlight=False)
        for event in opened.past:
            self._take(event)
        if self._console.is_terminal:
            self._live.start()

    def _take(self, event: Event) -> None:
        """Take one event of a journal."""
        if isinstance(event, Refit) and self._forecast:
            return  # another forecast follows
        self._standing.tell(event)
        match event:
            case Reported():
                value = event.score(self._standing.objective)
                self._latest[event.trial_id] = (event.epoch, value if math.isfinite(value) else None)
            case Warned(about="split"):
                self._console.print(f"warning: {event.text}", markup=False, highlight=False)

    def _expect(self, forecast: Forecast) -> None:
        """Say once, as soon as it can be known, how long all of it will take."""
        known = self._forecast is not None and self._forecast.seconds_left is not None
        self._standing.phase, self._forecast, self._forecast_at = "study", forecast, time.monotonic()
        if not known and forecast.seconds_left:
            self._console.print(f"{forecast.of} trainings, {_roughly(forecast.seconds_left)} to go")

    def _counts(self) -> str:
        if self._forecast is not None:
            return f"{self._forecast.done} of {self._forecast.of} trainings"
        standing, parts = self._standing, []
        if standing.budget is not None:
            states = standing.counts()
            parts.append(f"{standing.trials}/{standing.budget} trials")
            parts += [f"{states[state]} {state}" for state in _SHOWN if states[state]]
        told = {"re-evaluations": standing.reevaluations, "refits": standing.refits}
        parts += [f"{n} {name}" for name, n in told.items() if n]
        return ", ".join(parts) or "training"

    def _clock(self) -> str:
        now = time.monotonic()
        end = None if self._opened is None else self._opened.end
        left = "" if end is None else f", at most {_minutes(max(0.0, end - now))} left"
        predicted = 0.0
        if self._forecast is not None:
            predicted = (self._forecast.seconds_left or 0.0) - (now - self._forecast_at)
        to_go = f", {_roughly(predicted)} to go" if predicted > 0 else ""
        return f"{_minutes(now - self._started)} used{to_go}{left}"

    def _line(self) -> str:
        parts, standing = [self._counts()], self._standing
        if standing.budget is not None:
            family, best = max(standing.best.items(), key=lambda item: item[1], default=("", None))
            told = best and f"best {family} {best.trial_id} validation {standing.objective} {best.score:.4f}"
            parts.append(told or "nothing complete yet")
        return f"{standing.phase}: {'; '.join([*parts, self._clock()])}"

    def _render(self) -> Table:
        grid, standing = Table.grid(padding=(0, 2)), self._standing
        grid.add_row(Text(standing.phase, style="bold"), self._counts())
        grid.add_row("", self._clock())
        for family, best in sorted(standing.best.items(), key=lambda item: -item[1].score):
            grid.add_row(family, f"best validation {standing.objective} {best.score:.4f} ({best.trial_id})")
        for trial in standing.running():
            epoch, latest = self._latest.get(trial, (0, None))
            so_far = "" if latest is None else f", {standing.objective} {latest:.4f} so far"
            grid.add_row(standing.families[trial], f"running: {trial} epoch {epoch}{so_far}")
        return grid


def _roughly(seconds: float) -> str:
    """A prediction, with no more digits than it has."""
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"about {seconds / unit:.{int(seconds < 10 * unit and unit > 60)}f} {name}"
    return f"about {seconds:.0f} s"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class FileBars:
    """A callback (file, bytes done, bytes in all or None) that draws a bar for each file; nothing while none comes."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._bars = Bars(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, file: str, done: int, total: int | None) -> None:
        if file not in self._tasks:
            self._bars.start()
            self._tasks[file] = self._bars.add_task(printable(file), total=total)
        self._bars.update(self._tasks[file], completed=done, total=total)

    def close(self) -> None:
        if self._tasks:
            self._bars.stop()


@contextmanager
def download_bars(console: Console) -> Iterator[FileBars]:
    """Bars of what is downloaded within."""
    bars = FileBars(console)
    try:
        yield bars
    finally:
        bars.close()


@contextmanager
def classifying_bar(console: Console) -> Iterator[OnEvent]:
    """An `on_event` that draws a bar of the rows that are classified, if somebody looks on."""
    with Bars(console=console, transient=True, disable=not (console.is_terminal or console.is_jupyter)) as bars:
        task = bars.add_task("classifying", total=None)

        def show(event: Event | Transient) -> None:
            if isinstance(event, Classifying):
                bars.update(task, completed=event.done, total=event.total)

        yield show

"""Live progress of a study: what is done, the best so far, the time left. A function of journal events alone."""

import time
from collections import Counter
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hsiauto.config import Objective

_ENDED = ("completed", "stopped", "failed", "refused", "interrupted")
_LINE_EVERY_S = 15.0
"""Where the output is no terminal (a log file, CI), one line this often."""


class Progress:
    """A callback for journal events that keeps a few lines on the terminal up to date. Use as a context manager."""

    def __init__(self, console: Console, budget: int, objective: Objective, time_limit_s: float | None) -> None:
        self._console, self._budget, self._objective, self._limit = console, budget, objective, time_limit_s
        self._started = time.monotonic()
        self._phase = "search"
        self._family: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._epoch: dict[str, int] = {}
        self._best: dict[str, tuple[float, str]] = {}
        self._jobs: Counter[str] = Counter()
        self._last_line = self._started
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=2, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._console.print(self._line(), highlight=False)

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one journal or refit event."""
        trial = event.get("trial_id", "")
        match event["event"]:
            case "proposed":
                self._family[trial] = event["family"]
                self._states[trial] = "proposed"
            case "started":
                self._states[trial] = "running"
            case "report":
                self._report(trial, event)
            case "ended":
                self._states[trial] = event["state"]
            case "reevaluated" | "refit":
                self._jobs[event["event"]] += 1
                self._phase = {"reevaluated": "re-evaluation", "refit": "refit"}[event["event"]]
        if not self._console.is_terminal and time.monotonic() - self._last_line >= _LINE_EVERY_S:
            self._last_line = time.monotonic()
            self._console.print(self._line(), highlight=False)

    def _report(self, trial: str, event: dict[str, Any]) -> None:
        self._epoch[trial] = event["epoch"]
        value = event.get(f"val_{self._objective}")
        family = self._family.get(trial, "?")
        if value is not None and value > self._best.get(family, (-1.0, ""))[0]:
            self._best[family] = (value, trial)

    def _counts(self) -> str:
        states = Counter(self._states.values())
        done = sum(states[state] for state in _ENDED)
        parts = [f"{done}/{self._budget} trials"]
        parts += [f"{states[state]} {state}" for state in ("running", *_ENDED) if states[state]]
        parts += [f"{n} {'re-evaluations' if kind == 'reevaluated' else 'refits'}" for kind, n in self._jobs.items()]
        return ", ".join(parts)

    def _clock(self) -> str:
        used = time.monotonic() - self._started
        left = f", at most {_minutes(max(0.0, self._limit - used))} left" if self._limit else ""
        return f"{_minutes(used)} used{left}"

    def _line(self) -> str:
        family, (value, trial) = max(self._best.items(), key=lambda item: item[1], default=("", (0.0, "")))
        best = f"best {family} {trial} validation {self._objective} {value:.4f}" if family else "nothing reported yet"
        return f"{self._phase}: {self._counts()}; {best}; {self._clock()}"

    def _render(self) -> Table:
        grid = Table.grid(padding=(0, 2))
        grid.add_row(Text(self._phase, style="bold"), self._counts())
        grid.add_row("", self._clock())
        for family, (value, trial) in sorted(self._best.items(), key=lambda item: -item[1][0]):
            running = [
                f"{t} epoch {self._epoch.get(t, 0)}"
                for t, state in self._states.items()
                if state == "running" and self._family.get(t) == family
            ]
            note = f"   running: {', '.join(running)}" if running else ""
            grid.add_row(family, f"validation {self._objective} {value:.4f} ({trial}){note}")
        return grid


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"

"""The journal: append-only JSON lines, the one truth of a run. All else (tables, resume, figures) is a function of it.

One writer. A line that a killed writer left unfinished is cut off on opening; readers ignore it. Strict JSON: a value
that is not finite is written as null, and `not_finite` of the event says what it was.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

from hsiauto.errors import UserError
from hsiauto.files import writing

Event = dict[str, Any]

DURABLE = frozenset({"ended", "reevaluated", "ranked", "refit"})
"""Flushed to the disk itself before `append` returns: outcomes survive a power cut, reports only a kill."""

FINAL = frozenset({"completed", "stopped", "failed", "refused"})
"""States from which a trial does not go on. An interrupted one does."""


class Journal:
    """The journal of a run, open for appending."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`, dropping a torn tail. Raises UserError where it is damaged before its end."""
        self.path = Path(path)
        with writing(self.path):
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - closed by close()
        self.events, size = _parse(self.path)
        """Every event, oldest first."""
        os.truncate(self._file.fileno(), size)
        self._size = size

    def append(self, event: str, **fields: Any) -> Event:
        """Write one event and return it as written. Raises UserError on a full disk; the file then stays whole."""
        record: Event = {"event": event, "at": now(), **fields}
        record, not_finite = _strict(record)
        if not_finite:
            record["not_finite"] = not_finite
        line = json.dumps(record, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        with writing(self.path):
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:]) or 0
                if event in DURABLE:
                    os.fsync(self._file.fileno())
            except OSError:
                os.truncate(self._file.fileno(), self._size)
                raise
        self._size += len(line)
        record = json.loads(line)  # what a resume will read, tuples and all
        self.events.append(record)
        return record

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> list[Event]:
    """The events of a journal that another process may be writing. Raises UserError: missing, or damaged inside."""
    return _parse(Path(path))[0]


def now() -> str:
    """ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass
class TrialState:
    """What the journal knows of one trial."""

    trial_id: str
    family: str
    axes: dict[str, Any]
    """{"<family>.<axis>": value} of the searched axes that act."""
    config: dict[str, Any]
    config_hash: str
    parameters: int | None
    macs: int | None
    number: int
    origin: str
    """preset | warm-start | sampler."""
    sampler_state: dict[str, Any]
    proposed_at: str
    epoch_macs: int | None = None
    """Multiply-adds of an epoch of training; None: not known, as in older journals."""
    found_by: str = ""
    """<run>/<trial id> that a warm start took the config from."""
    state: str = "proposed"
    """proposed | running | completed | stopped | failed | refused | interrupted."""
    error: str = ""
    attempt: int = 0
    """0 = never started. A resume starts another one, and so does the death of a worker."""
    node: str = ""
    device: str = ""
    pid: int = 0
    gpus: float = 0.0
    """That the last attempt held."""
    started_at: str = ""
    """Of the first attempt."""
    finished_at: str = ""
    peak_memory_bytes: int | None = None
    """Of a trial that memory ended; others have it in their reports."""
    worker_deaths: list[str] = field(default_factory=list)
    """Why, of each attempt whose worker died and after which the trial went on."""
    reports: list[Event] = field(default_factory=list)
    """By epoch. An epoch that was trained again after a crash counts once."""

    @property
    def ended(self) -> bool:
        return self.state in FINAL

    @property
    def errors(self) -> str:
        """The error, and the deaths that the trial outlived, for a reader; empty where all went well."""
        return "; ".join(filter(None, [self.error, *self.worker_deaths]))

    @property
    def epochs(self) -> int:
        return int(self.reports[-1]["epoch"]) if self.reports else 0

    @property
    def decision(self) -> str:
        """On the last report; empty before the first."""
        return str(self.reports[-1]["decision"]) if self.reports else ""

    def score(self, objective: str) -> float:
        """`objective` (kappa, oa, aa) on validation at the last report; NaN before it, or where it was not finite."""
        value = self.reports[-1][f"val_{objective}"] if self.reports else None
        return math.nan if value is None else float(value)

    @property
    def pixels_per_second(self) -> float | None:
        """Of a map, as the last report has it; None where it was not measured."""
        return self.reports[-1].get("pixels_per_second") if self.reports else None

    @property
    def seconds_per_epoch(self) -> float:
        """Median over the epochs but the first, which carries the warm-up; alone it counts half. NaN before it."""
        if not self.reports:
            return math.nan
        first = self.reports[0]
        if len(self.reports) == 1:
            return float(first["fit_seconds"]) / first["epoch"] / (1 if first["decision"] == "complete" else 2)
        pairs = pairwise(self.reports)
        return median((b["fit_seconds"] - a["fit_seconds"]) / (b["epoch"] - a["epoch"]) for a, b in pairs)


def trials(events: Iterable[Event]) -> dict[str, TrialState]:
    """The trials that `events` tell of, by id, in the order of their proposals."""
    states: dict[str, TrialState] = {}
    for event in events:
        fold(states, event)
    return states


def fold(states: dict[str, TrialState], event: Event) -> None:
    """Bring `states` up to date with one more event. An older attempt than a trial's present one has no say."""
    kind = event["event"]
    if kind == "proposed":
        names = ("trial_id", "family", "axes", "config", "config_hash", "parameters", "macs", "number", "origin")
        fields = {name: event[name] for name in names}
        states[event["trial_id"]] = TrialState(
            **fields,
            sampler_state=event.get("sampler_state") or {},
            epoch_macs=event.get("epoch_macs"),  # older journals lack it, and the next two
            found_by=event.get("found_by") or "",
            proposed_at=event["at"],
        )
    elif kind in ("started", "report", "ended"):
        trial = states[event["trial_id"]]
        if event["attempt"] < trial.attempt:
            return
        if kind == "started":
            trial.state, trial.error, trial.finished_at = "running", "", ""
            trial.attempt, trial.node, trial.device = event["attempt"], event["node"], event["device"]
            trial.pid, trial.started_at = event["pid"], trial.started_at or event["at"]
            trial.gpus = event.get("gpus", 0.0)
        elif kind == "report":
            if trial.epochs >= event["epoch"]:
                trial.reports = [r for r in trial.reports if r["epoch"] < event["epoch"]]
            trial.reports.append(event)
        elif not trial.ended:  # an end stands: Ctrl-C can come between its writing and its being known
            trial.state, trial.error, trial.finished_at = event["state"], event["error"] or "", event["at"]
            trial.peak_memory_bytes = event.get("peak_memory_bytes")
            if event.get("worker_died"):
                trial.attempt = event["attempt"]  # which may not have started: the next one has another number
                trial.worker_deaths.append(event["error"])


def _parse(path: Path) -> tuple[list[Event], int]:
    """Events and the length in bytes of what is whole."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError("a run folder has a journal that can be read", f"{path}: {error.strerror}") from error
    lines = content.split(b"\n")
    lines.pop()  # empty, or torn
    events: list[Event] = []
    size = 0
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            if not isinstance(event, dict) or "event" not in event:
                raise ValueError("no event")
        except ValueError as error:  # a crash of the machine can leave a last line of zeros
            if number == len(lines):
                break
            raise UserError(
                f"{path} holds one event a line",
                f"line {number}: {line[:60]!r}",
                "The journal was edited or damaged: restore it, or start a new run",
            ) from error
        events.append(event)
        size += len(line) + 1
    return events, size


def _strict(record: Event) -> tuple[Event, dict[str, str]]:
    """`record` with null for what is not finite, and {path: what it was}."""
    found: dict[str, str] = {}

    def clean(value: Any, path: str) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            found[path] = str(value)
            return None
        if isinstance(value, Mapping):
            return {str(key): clean(inner, f"{path}.{key}" if path else str(key)) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [clean(inner, f"{path}[{i}]") for i, inner in enumerate(value)]
        return value

    return clean(record, ""), found

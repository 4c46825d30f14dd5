"""The journal: append-only JSON lines, the one truth of a run. All else (tables, resume, figures) is a function of it.

`hsiauto.search.events` has the schema. One writer. A line that a killed writer left unfinished is cut off on opening;
readers ignore it.
"""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError
from pydantic_core import from_json

from hsiauto.errors import UserError, shown
from hsiauto.files import atomic_path, regular_file, writing
from hsiauto.search.consistency import Story
from hsiauto.search.events import SCHEMA_VERSION, Ended, Event, Opened, Ranked, Reevaluated, Refit, from_line, to_line

_START = b'{"event":"'
"""What a line of ours begins with."""
_DURABLE = (Opened, Ended, Reevaluated, Ranked, Refit)
"""Flushed to the disk itself before `append` returns: outcomes survive a power cut, reports only a kill."""


class Journal:
    """The journal of a run, open for appending."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`, dropping a torn tail. Raises UserError if it cannot be read or is damaged inside."""
        self.path = Path(path)
        with writing(self.path):
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - closed by close()
        self.events, self._size = _parse(self.path)
        """Every event, oldest first."""
        if self._size > os.fstat(self._file.fileno()).st_size:  # the end of the last line is missing
            self._file.write(b"\n")
        os.truncate(self._file.fileno(), self._size)
        self.on_lost: Callable[[str], None] = lambda what: None
        """Called with what somebody did to the file, before it is written again: makes its folder, or raises."""

    def append(self, event: Event) -> Event:
        """Write one event and return it as a resume will read it.

        Raises UserError on a full disk; the file stays whole.
        """
        content = to_line(event)
        line = content + b"\n"
        self.keep()
        with writing(self.path):
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:]) or 0
                if isinstance(event, _DURABLE):
                    os.fsync(self._file.fileno())
            except OSError:
                os.truncate(self._file.fileno(), self._size)
                raise
        self._size += len(line)
        event = from_line(content)
        self.events.append(event)
        return event

    def keep(self) -> None:
        """Write the file again from memory if somebody has removed, replaced or changed it; theirs steps aside.

        Raises UserError if it cannot be written, or `on_lost` forbids it.
        """
        why = self._why_lost()
        if not why:
            return
        self.on_lost(f"{self.path.name} was {why} while the run wrote it, and was written again from memory")
        with writing(self.path):
            if self.path.exists():
                self.path.rename(self.path.with_name(f"{self.path.name}.other-{secrets.token_hex(3)}"))
            content = b"".join(to_line(event) + b"\n" for event in self.events)
            with atomic_path(self.path) as temporary:
                temporary.write_bytes(content)
            self._file.close()
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by close()
        self._size = len(content)

    def _why_lost(self) -> str:
        """What became of the file that is open; empty: it is in its place, as it was written."""
        own = os.fstat(self._file.fileno())
        try:
            found = self.path.stat()
        except OSError:
            return "removed"
        if (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):
            return "replaced"
        return "" if found.st_size == self._size else "changed"

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> list[Event]:
    """The events of a journal that another process may be writing.

    Raises UserError: missing, damaged before its last line, or of a newer hsiauto.
    """
    return _parse(Path(path))[0]


def _parse(path: Path) -> tuple[list[Event], int]:
    """Events and the length in bytes of what is whole, the end of the last line included."""
    try:
        content = regular_file(path).read_bytes()
    except OSError as error:
        raise UserError("a run folder has a journal that can be read", f"{path}: {error.strerror}") from error
    *lines, tail = content.split(b"\n")
    if tail and not _is_torn(tail):  # whole, but for its end; or not ours
        lines.append(tail)
    elif lines and b"\0" in lines[-1] and _is_torn(lines[-1]):
        lines.pop()
    events: list[Event] = []
    story = Story()
    size = 0
    for number, line in enumerate(lines, start=1):
        try:
            event = from_line(line)
            story.tell(event)
        except ValueError as error:
            _check_version(path, number, line)
            raise UserError(
                f"{path} holds one event a line",
                f"line {number}: {_what_is_wrong(error)} in {shown(line.decode(errors='replace'))}",
                "The journal was edited or damaged: restore it, or start a new run",
            ) from error
        events.append(event)
        size += len(line) + 1
    return events, size


def _is_torn(line: bytes) -> bool:
    """Whether a last line is what a killed writer leaves, or a crash of the machine: cut off, or zeros on the disk."""
    told = line.strip(b"\0")
    if not told.startswith(_START[: len(told)]):
        return False
    try:
        from_json(told or b"{", allow_partial="trailing-strings")
    except ValueError:
        return False
    return not _is_whole(told)


def _is_whole(line: bytes) -> bool:
    """Whether a JSON object ends in `line`."""
    try:
        json.JSONDecoder().raw_decode(line.decode(errors="replace"))
    except ValueError:
        return False
    return True


def _check_version(path: Path, number: int, line: bytes) -> None:
    """Refuse a line that opens a journal of a newer schema."""
    try:
        event = from_json(line)
        newer = event["event"] == "opened" and type(event["schema_version"]) is int
    except (ValueError, TypeError, KeyError):
        return
    if newer and event["schema_version"] > SCHEMA_VERSION:
        raise UserError(
            f"this version of hsiauto reads journals of schema version {SCHEMA_VERSION}",
            f"version {shown(event['schema_version'])} in line {number} of {path}",
            "Update hsiauto.",
        )


def _what_is_wrong(error: ValueError) -> str:
    """The first complaint, in one line."""
    if isinstance(error, UserError):
        return f"{error.rule}, {error.received}"
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]

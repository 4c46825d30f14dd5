"""Server-sent events of a run: the lines of its journals, under their numbers, so that a client may go on anywhere.

An event's id is `J-R`: with it a client has J lines of journal.jsonl and R of refits.jsonl.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hsiauto.runs.folder import JOURNAL, REFITS
from hsiauto.service.errors import Refused

HEARTBEAT_S = 15.0
_PERIOD_S = 0.25
_WOKEN_PER_SECOND = 500
"""Followers; more of them are told of a line later, so that the search beside them goes on."""
_CHUNK = 2**20
_FILES = ((b"journal", JOURNAL), (b"refits", REFITS))
"""(event, file), in the order in which they are told."""
EVENT_ID = r"^[0-9]{1,10}(-[0-9]{1,10})?$"


class _Place(NamedTuple):
    """Where a client is in the two files."""

    lines: tuple[int, int] = (0, 0)
    bytes: tuple[int, int] = (0, 0)

    def on(self, file: int, lines: int, n_bytes: int) -> "_Place":
        """So much further in one of them."""
        (a, b), (c, d) = self
        return _Place((a, b + lines), (c, d + n_bytes)) if file else _Place((a + lines, b), (c + n_bytes, d))


@dataclass
class _Watched:
    """One run, looked at once for all who follow it."""

    folder: Path
    without: Callable[[bytes], bytes]
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    beats: int = 0
    """Heartbeats so far."""
    has_ended: bool = False
    followers: int = 0
    poll: asyncio.Task[None] | None = None
    read_at: _Place | None = None
    events: list[bytes] = field(default_factory=list)
    read_to: _Place = field(default_factory=_Place)

    def read(self, at: _Place) -> tuple[list[bytes], _Place]:
        """The events of whole lines from `at` on, all of one file, and where they end; none: there are no more yet.

        Who follows a run reads at the same place as the others: what was read last is kept for them.
        """
        if at != self.read_at or not self.events:
            self.read_at, self.read_to, self.events = at, at, []
            for file, (kind, name) in enumerate(_FILES):
                if lines := whole_lines(self.folder / name, at.bytes[file]):
                    for line in lines.splitlines(keepends=True):
                        self.read_to = self.read_to.on(file, 1, len(line))
                        told = (*self.read_to.lines, kind, self.without(line))
                        self.events.append(b"id: %d-%d\nevent: %b\ndata: %b\n" % told)
                    break
        return self.events, self.read_to


class Streams:
    """Everybody who follows a run."""

    def __init__(self, most: int, without: Callable[[bytes], bytes] = bytes) -> None:
        """without: takes the folders of the service out of a line."""
        self._most, self._without, self._watched = most, without, dict[Path, _Watched]()
        self.closing = False
        """Set when the service ends: streams end too."""

    @property
    def open(self) -> int:
        return sum(watched.followers for watched in self._watched.values())

    def require_room(self) -> None:
        """Raises 429 if too many follow already."""
        if self.open >= self._most:
            raise Refused(429, f"at most {self._most} clients follow runs", "one more", "Try again later.")

    async def follow(
        self, folder: Path, after: tuple[int, int], ended: Callable[[], str | None], may: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """The stream. after: lines of each file that the client has. ended: the run as JSON once it has ended.

        may: whether the client may still see the run, asked with each heartbeat, whatever else is told.
        """
        watched = self._watched.setdefault(folder, _Watched(folder, self._without))
        watched.followers += 1
        if watched.poll is None:
            watched.poll = asyncio.create_task(_poll(watched, lambda: ended() is not None))
        try:
            yield b": follows\n\n"
            place, beats = await asyncio.to_thread(_place, folder, after), watched.beats
            while not self.closing:
                changed = watched.changed
                last = ended() if watched.has_ended else None  # before the file is read: what it tells is then all
                found, place = watched.read(place)
                if found:
                    yield b"".join(found)
                elif last is not None:
                    yield b"event: state\ndata: " + last.encode() + b"\n\n"
                    return
                else:
                    await changed.wait()
                if watched.beats != beats:
                    if not may():
                        return
                    beats = watched.beats
                    yield b": heartbeat\n\n"
        finally:
            watched.followers -= 1
            if not watched.followers and watched.poll is not None:
                watched.poll.cancel()
                self._watched.pop(folder, None)


async def _poll(watched: _Watched, ended: Callable[[], bool]) -> None:
    """Wake those who follow when there is more, and for heartbeats."""
    before: tuple[list[int], bool, int] | None = None
    paths, began = [watched.folder / name for _, name in _FILES], time.monotonic()
    while True:
        sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
        now = (sizes, ended(), int((time.monotonic() - began) / HEARTBEAT_S))
        if now != before:
            before, (_, watched.has_ended, watched.beats) = now, now
            old, watched.changed = watched.changed, asyncio.Event()
            old.set()
        await asyncio.sleep(max(_PERIOD_S, watched.followers / _WOKEN_PER_SECOND))


def _place(folder: Path, after: tuple[int, int]) -> _Place:
    """Behind so many whole lines of each file, or all that there are."""
    place = _Place()
    for file, (_, name) in enumerate(_FILES):
        while (missing := after[file] - place.lines[file]) > 0:
            lines = whole_lines(folder / name, place.bytes[file]).splitlines(keepends=True)[:missing]
            if not lines:
                break
            place = place.on(file, len(lines), sum(map(len, lines)))
    return place


def whole_lines(path: Path, offset: int) -> bytes:
    """The lines from `offset` on that are whole, as many as a chunk holds, at least one; empty: none yet."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        file.seek(offset)
        found = file.read(_CHUNK)
        if b"\n" not in found:
            found += file.readline()
    return found[: found.rfind(b"\n") + 1]

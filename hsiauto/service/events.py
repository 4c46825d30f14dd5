"""Server-sent events of a run: the lines of its journal, each under its number, so that a client may go on anywhere."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from hsiauto.service.errors import Refused

HEARTBEAT_S = 15.0
_PERIOD_S = 0.25
_CHUNK = 2**20


@dataclass
class _Watched:
    """One journal, looked at once for all who follow it."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    followers: int = 0
    poll: asyncio.Task[None] | None = None
    read_at: int = -1
    events: list[bytes] = field(default_factory=list)
    read_to: int = 0

    def read(self, journal: Path, offset: int, number: int) -> tuple[list[bytes], int]:
        """The events of the whole lines from `offset` on, the first of which is line `number`, and where they end.

        Who follows a run reads at the same place as the others: what was read last is kept for them.
        """
        if offset != self.read_at or not self.events:
            lines = _whole_lines(journal, offset)
            numbered = enumerate(lines.splitlines(keepends=True), start=number)
            self.events = [b"id: %d\nevent: journal\ndata: %b\n" % one for one in numbered]
            self.read_at, self.read_to = offset, offset + len(lines)
        return self.events, self.read_to


class Streams:
    """Everybody who follows a run."""

    def __init__(self, most: int) -> None:
        self._most, self._watched = most, dict[Path, _Watched]()
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
        self, journal: Path, after: int, ended: Callable[[], str | None], may: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """The stream. after: lines that the client has. ended: the run as JSON once it has ended, else None.

        may: whether the client may still see the run, asked with each heartbeat.
        """
        watched = self._watched.setdefault(journal, _Watched())
        watched.followers += 1
        if watched.poll is None:
            watched.poll = asyncio.create_task(_poll(watched, journal, lambda: ended() is not None))
        offset, number = 0, 0
        try:
            yield b": follows\n\n"
            while not self.closing:
                changed, last = watched.changed, ended()  # before the file is read: what it tells is then all
                while True:
                    found, offset = watched.read(journal, offset, number + 1)
                    if not found:
                        break
                    skipped, number = max(0, after - number), number + len(found)
                    if skipped < len(found):
                        yield b"".join(found[skipped:])
                if last is not None:
                    yield b"event: state\ndata: " + last.encode() + b"\n\n"
                    return
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT_S)
                except TimeoutError:
                    if not may():
                        return
                    yield b": heartbeat\n\n"
        finally:
            watched.followers -= 1
            if not watched.followers and watched.poll is not None:
                watched.poll.cancel()
                self._watched.pop(journal, None)


async def _poll(watched: _Watched, journal: Path, ended: Callable[[], bool]) -> None:
    before: tuple[int, bool] | None = None
    while True:
        now = (journal.stat().st_size if journal.is_file() else 0, ended())
        if now != before:
            before, old, watched.changed = now, watched.changed, asyncio.Event()
            old.set()
        await asyncio.sleep(_PERIOD_S)


def _whole_lines(journal: Path, offset: int) -> bytes:
    """The lines from `offset` on that are whole, as many as a chunk holds, at least one; empty: none yet."""
    if not journal.is_file():
        return b""
    with journal.open("rb") as file:
        file.seek(offset)
        found = file.read(_CHUNK)
        if b"\n" not in found:
            found += file.readline()
    return found[: found.rfind(b"\n") + 1]

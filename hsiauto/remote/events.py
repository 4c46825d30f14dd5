"""Server-sent events (HTML Living Standard, 9.2), as much of them as the service sends."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Message(NamedTuple):
    """One event: its kind, its id (empty: none), its data."""

    event: str
    id: str
    data: bytes


def messages(lines: Iterable[bytes]) -> Iterator[Message]:
    """The events of a stream. Comments, its heartbeats, are none; nor is what breaks off before its empty line."""
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        if name:
            fields.setdefault(name, []).append(value.removeprefix(b" "))
        elif not value and fields:
            kind, number = (b"".join(fields.get(one, [])[-1:]).decode(errors="replace") for one in (b"event", b"id"))
            yield Message(kind or "message", number, b"\n".join(fields.get(b"data", [])))
            fields = {}

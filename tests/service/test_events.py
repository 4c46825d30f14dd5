"""A client that goes away and comes back hears each event of the journal once."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hsiauto.service import events
from hsiauto.service.events import Streams
from tests.service.conftest import House, journal_lines

_EVENT = re.compile(rb"id: (\d+)\nevent: journal\ndata: ([^\n]*)\n\n")


def _heard(stream: bytes) -> list[tuple[int, bytes]]:
    return [(int(number), line) for number, line in _EVENT.findall(stream)]


def test_the_stream_of_a_run_that_ended_is_its_journal(house: House) -> None:
    run = house.run()
    house.wait(run)
    answer = house.client.get(f"/api/runs/{run}/events", headers=house.as_("ann"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert _heard(answer.content) == list(enumerate(journal_lines(), start=1))
    assert b'event: state\ndata: {"id":"%b"' % run.encode() in answer.content
    for n in (1, 7, len(journal_lines())):
        headers = {**house.as_("ann"), "Last-Event-ID": str(n)}
        rest = house.client.get(f"/api/runs/{run}/events", headers=headers)
        assert _heard(rest.content) == list(enumerate(journal_lines(), start=1))[n:]
        same = house.client.get(f"/api/runs/{run}/events", params={"after": n}, headers=house.as_("ann"))
        assert same.content == rest.content
    bad = house.client.get(f"/api/runs/{run}/events", headers={**house.as_("ann"), "Last-Event-ID": "x"})
    assert bad.status_code == 422


def test_a_client_that_reconnects_hears_each_line_once(tmp_path: Path) -> None:
    lines = [b'{"event":"x","n":%d}' % n for n in range(60)]
    heard = asyncio.run(_with_breaks(tmp_path / "journal.jsonl", lines))
    assert heard == list(enumerate(lines, start=1))


async def _with_breaks(journal: Path, lines: list[bytes]) -> list[tuple[int, bytes]]:
    """A writer that tears lines, and a client that leaves after every block."""
    streams, written = Streams(most=2), False

    async def write() -> None:
        nonlocal written
        for line in lines:
            for part in (line[:5], line[5:], b"\n"):
                with journal.open("ab") as file:
                    file.write(part)
                await asyncio.sleep(0)
            await asyncio.sleep(0.002)
        written = True

    writer, heard, last = asyncio.create_task(write()), list[tuple[int, bytes]](), 0
    while not (written and last == len(lines)):
        stream = streams.follow(journal, last, lambda: None, lambda: True)
        async for block in stream:
            if found := _heard(block):
                heard += found
                last = found[-1][0]
                break
            await asyncio.sleep(0)
        await stream.aclose()  # type: ignore[attr-defined]
        assert streams.open == 0
    await writer
    return heard


def test_a_stream_beats_and_ends_with_the_right_to_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.02)
    allowed = [True, True, False]

    async def follow() -> list[bytes]:
        stream = Streams(most=1).follow(tmp_path / "none", 0, lambda: None, lambda: allowed.pop(0))
        return [block async for block in stream]

    assert asyncio.run(follow()) == [b": follows\n\n", b": heartbeat\n\n", b": heartbeat\n\n"]


def test_so_many_follow(started: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    house = started(streams=1)
    run = house.run()
    house.wait(run)
    monkeypatch.setattr(Streams, "open", 1)
    assert house.client.get(f"/api/runs/{run}/events", headers=house.as_("ann")).status_code == 429

"""A client that goes away and comes back hears each event of the journal once."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hsiauto.service import events
from hsiauto.service.events import Streams
from tests.service.conftest import House, journal_lines

_FILES = ("journal.jsonl", "refits.jsonl")
_EVENT = re.compile(rb"id: (\d+)-(\d+)\nevent: (journal|refits)\ndata: ([^\n]*)\n\n")


def _heard(stream: bytes) -> list[tuple[int, bytes]]:
    """(number, line) of each event of the journal."""
    return [(int(number), line) for number, _, file, line in _EVENT.findall(stream) if file == b"journal"]


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


def test_a_client_that_reconnects_hears_each_line_of_both_files_once(tmp_path: Path) -> None:
    lines = {name: [b'{"event":"%b","n":%d}' % (name[:1].encode(), n) for n in range(30)] for name in _FILES}
    heard = asyncio.run(_with_breaks(tmp_path, lines))
    for file, name in enumerate(_FILES):
        of_file = [(int(event[file]), event[3]) for event in heard if name.startswith(event[2].decode())]
        assert of_file == list(enumerate(lines[name], start=1))


async def _with_breaks(folder: Path, lines: dict[str, list[bytes]]) -> list[tuple[bytes, ...]]:
    """A writer that tears lines of two files in turns, and a client that leaves after every block."""
    streams, written = Streams(most=2), False

    async def write() -> None:
        nonlocal written
        for one in zip(*lines.values(), strict=True):
            for name, line in zip(lines, one, strict=True):
                for part in (line[:5], line[5:], b"\n"):
                    with (folder / name).open("ab") as file:
                        file.write(part)
                    await asyncio.sleep(0)
            await asyncio.sleep(0.002)
        written = True

    writer, heard, last = asyncio.create_task(write()), list[tuple[bytes, ...]](), (0, 0)
    while not (written and last == tuple(map(len, lines.values()))):
        stream = streams.follow(folder, last, lambda: None, lambda: True)
        async for block in stream:
            if found := _EVENT.findall(block):
                heard += found
                last = (int(found[-1][0]), int(found[-1][1]))
                break
            await asyncio.sleep(0)
        await stream.aclose()  # type: ignore[attr-defined]
        assert streams.open == 0
    await writer
    return heard


def test_refits_come_after_the_journal_and_can_be_taken_up_again(house: House, run_folder: Path) -> None:
    run = house.run()
    house.wait(run)
    folder = house.service.runs.path(run)
    shutil.copy(run_folder / "refits.jsonl", folder)
    told = (folder / "refits.jsonl").read_bytes().splitlines()
    n = len(journal_lines())
    whole = _EVENT.findall(house.client.get(f"/api/runs/{run}/events", headers=house.as_("ann")).content)
    assert [event[3] for event in whole] == [*journal_lines(), *told]
    assert whole[-1][:3] == (b"%d" % n, b"%d" % len(told), b"refits")
    for last in (f"{n}-2", f"{n - 3}-2"):
        rest = house.client.get(f"/api/runs/{run}/events", headers={**house.as_("ann"), "Last-Event-ID": last})
        assert [event[3] for event in _EVENT.findall(rest.content)][-len(told) + 2 :] == told[2:]
    assert house.client.get(f"/api/runs/{run}", headers=house.as_("ann")).json()["progress"]["refits"] > 0


def test_a_stream_beats_and_ends_with_the_right_to_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.02)
    allowed = [True, True, False]

    async def follow() -> list[bytes]:
        stream = Streams(most=1).follow(tmp_path / "none", (0, 0), lambda: None, lambda: allowed.pop(0))
        return [block async for block in stream]

    assert asyncio.run(follow()) == [b": follows\n\n", b": heartbeat\n\n", b": heartbeat\n\n"]


def test_who_may_no_longer_see_a_run_hears_no_more_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is to tell: the right is not asked for in pauses alone."""
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(events, "_PERIOD_S", 0.002)

    async def follow() -> None:
        stream = Streams(most=1).follow(tmp_path, (0, 0), lambda: None, lambda: False)
        async for _ in stream:
            with (tmp_path / "journal.jsonl").open("ab") as file:
                file.write(b"{}\n")
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(follow(), 10))


def test_so_many_follow(started: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    house = started(streams=1)
    run = house.run()
    house.wait(run)
    monkeypatch.setattr(Streams, "open", 1)
    assert house.client.get(f"/api/runs/{run}/events", headers=house.as_("ann")).status_code == 429

"""Clients: some follow a run by server-sent events, some page through a leaderboard."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass
class Heard:
    """What a client was told of a journal, over all its connections."""

    lines: dict[int, bytes] = field(default_factory=dict)
    doubled: int = 0
    """Lines that came twice, or out of their order."""
    ended: bool = False

    @property
    def last(self) -> int:
        return max(self.lines, default=0)

    def tell(self, block: bytes) -> None:
        fields = dict(line.partition(b": ")[::2] for line in block.splitlines())
        if fields.get(b"event") == b"journal":
            number = int(fields[b"id"].partition(b"-")[0])
            self.doubled += number != self.last + 1
            self.lines[number] = fields[b"data"]
        self.ended |= fields.get(b"event") == b"state"


async def follow(port: int, run: str, headers: Mapping[str, str], heard: Heard) -> None:
    """One connection, from the line after the last one heard, until it ends. Raises OSError if it breaks."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        asked = {"Host": "127.0.0.1", "Last-Event-ID": str(heard.last), **headers}
        lines = [f"GET /api/runs/{run}/events HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        rest = b""
        async for chunk in _chunks(reader):
            *blocks, rest = (rest + chunk).split(b"\n\n")
            for block in blocks:
                heard.tell(block)
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("cut off") from error
    finally:
        writer.close()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]


async def page(
    port: int, run: str, headers: Mapping[str, str], pages: int, until: float, pause_s: float, took: list[float]
) -> None:
    """Ask for one page after another until `until`, with a pause behind each; seconds of each are added to `took`."""
    number = 0
    while time.monotonic() < until:
        number = number % pages + 1
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = f"/api/runs/{run}/leaderboard?page={number}&page_size=50&sort=-test_oa"
        own = {"Host": "127.0.0.1", "Connection": "close", **headers}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        took.append(time.monotonic() - began)
        await asyncio.sleep(pause_s)

"""The service and its jobs are killed at random moments while many follow a run."""

import asyncio
import http.client
import random
import time
import urllib.error
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from benchmarks.service.clients import Heard, follow
from benchmarks.service.house import LINES, PATIENCE_S, Served
from hsiauto.service.events import HEARTBEAT_S

FOLLOWERS = 20


@dataclass
class Watch:
    """How long the service told of a run what its processes belie, at the longest."""

    longest_s: float = 0.0
    _since: float | None = None

    async def look(self, served: Served, run: str) -> None:
        """Look until cancelled; a service that does not answer tells nothing."""
        while True:
            before = await asyncio.to_thread(served.job_pid, run)
            try:
                state = (await asyncio.to_thread(served.ask, f"/api/runs/{run}"))["state"]
            except urllib.error.HTTPError:
                raise
            except (OSError, http.client.HTTPException):
                continue
            after = await asyncio.to_thread(served.job_pid, run)
            self._note(state in ("running", "stopping"), before is not None, after is not None)
            await asyncio.sleep(0.02)

    def _note(self, told: bool, before: bool, after: bool) -> None:
        if told in (before, after):
            self._since = None
            return
        now = time.monotonic()
        self._since = self._since or now
        self.longest_s = max(self.longest_s, now - self._since)


def kills(served: Served, lines: list[bytes], n: int, draw: random.Random) -> str:
    """`n` kills of the service and as many of a job, one of each in a run."""
    longest = 0.0
    for _ in range(n):
        served.start()
        run, heard, watch = served.new_run(), [Heard() for _ in range(FOLLOWERS)], Watch()
        asyncio.run(_killed(served, run, heard, watch, draw))
        longest = max(longest, watch.longest_s)
        state = served.ask(f"/api/runs/{run}")
        assert state["state"] == "succeeded", state
        assert (served.root / "runs" / run / "journal.jsonl").read_bytes().splitlines() == lines
        for one in heard:
            assert [one.lines[number] for number in range(1, len(lines) + 1)] == lines, "an event was lost"
            assert one.doubled == 0, "an event came twice"
        assert not served.processes(), "a process was left"
        served.kill()
    assert longest < HEARTBEAT_S, f"a state was no longer true for {longest:.1f} s"
    return (
        f"{2 * n} kills: every run whole, no event lost or doubled for {FOLLOWERS} who follow it, no process left; "
        f"what was told of a run was no longer true for {longest:.2f} s at the longest"
    )


async def _killed(served: Served, run: str, heard: Sequence[Heard], watch: Watch, draw: random.Random) -> None:
    async def kill() -> None:
        for victim in draw.sample(("job", "service"), 2):
            await asyncio.sleep(draw.uniform(0.1, 0.4 * LINES / served.per_second))
            if victim == "service":
                served.kill()
                await asyncio.to_thread(served.start)
            elif (pid := served.job_pid(run)) is not None:
                psutil.Process(pid).kill()

    killing, watching = asyncio.create_task(kill()), asyncio.create_task(watch.look(served, run))
    await asyncio.gather(*(followed(served, run, one) for one in heard))
    await killing
    assert not watching.done(), watching.exception()
    watching.cancel()


async def followed(served: Served, run: str, heard: Heard) -> None:
    """Follow a run to its end, connecting anew as often as that takes. Raises TimeoutError if it does not end."""
    async with asyncio.timeout(PATIENCE_S):
        while not heard.ended:
            try:
                await follow(served.port, run, served.headers, heard)
            except OSError:
                await asyncio.sleep(0.05)

"""How much less a search gets done beside those who follow it and page: work on every core, with and without them."""

import asyncio
import ctypes
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawValue

import numpy as np
import psutil

from benchmarks.service.clients import Heard, follow, page
from benchmarks.service.house import PATIENCE_S, Served
from benchmarks.service.load import ROWS, board

LINES_PER_SECOND = 2.0
"""Of the journal of a search: the demo's writes 1.6."""
_WINDOW_S, _PAUSE_S = 10.0, 5.0
"""Seconds that are compared, and between two pages of one reader, who looks at 50 rows meanwhile."""


@dataclass(frozen=True)
class Window:
    """What was done in some seconds: pieces of work a second, and cores that service and clients took."""

    work: float
    service: float
    clients: float


def slowdown(served: Served, clients: int, pagers: int, turns: int) -> str:
    """Turns of a window without anybody and one with everybody, the order of the two changing."""
    paged = board(served)
    quiet, watched = list[Window](), list[Window]()
    with _workers(cores := len(os.sched_getaffinity(0))) as done:
        for turn in range(turns):
            for many in (False, True) if turn % 2 else (True, False):
                of_turn = _window(served, done, paged, clients * many, pagers * many)
                (watched if many else quiet).append(asyncio.run(of_turn))
    slower = [1 - there.work / alone.work for there, alone in zip(watched, quiet, strict=True)]
    told = ", ".join(f"{value:.1%}" for value in slower)
    return (
        f"work on {cores} cores is slowed by {statistics.median(slower):.1%} (median of {told}) by {clients} followers "
        f"and {pagers} readers who turn a page every {_PAUSE_S:.0f} s; cores that the service took: "
        f"{statistics.mean(one.service for one in watched):.3f} with them, "
        f"{statistics.mean(one.service for one in quiet):.3f} without; the clients themselves: "
        f"{statistics.mean(one.clients for one in watched):.3f}; load average {os.getloadavg()[0]:.1f}"
    )


async def _window(served: Served, done: Sequence[ctypes.c_uint64], paged: str, clients: int, pagers: int) -> Window:
    """One run, which is stopped in the end. Clients connect before the clock starts, as they do once in hours."""
    run, server, heard = served.new_run(), psutil.Process(served.pid), [Heard() for _ in range(clients)]
    following = [asyncio.create_task(follow(served.port, run, served.headers, one)) for one in heard]
    async with asyncio.timeout(PATIENCE_S):
        while not (served.job_pid(run) and all(one.lines for one in heard)):
            await asyncio.sleep(0.1)
    began, until = time.monotonic(), time.monotonic() + _WINDOW_S
    before = (sum(one.value for one in done), sum(server.cpu_times()[:2]), time.process_time())
    asked = [page(served.port, paged, served.headers, ROWS // 50, until, _PAUSE_S, []) for _ in range(pagers)]
    await asyncio.gather(asyncio.sleep(_WINDOW_S), *asked)
    after = (sum(one.value for one in done), sum(server.cpu_times()[:2]), time.process_time())
    seconds = time.monotonic() - began
    await asyncio.to_thread(served.ask, f"/api/runs/{run}/stop", method="POST")
    await asyncio.gather(*following)
    return Window(*((now - then) / seconds for now, then in zip(after, before, strict=True)))


@contextmanager
def _workers(n: int) -> Iterator[list[ctypes.c_uint64]]:
    """`n` processes that work without a pause, and the pieces of work that each has done."""
    done = [RawValue(ctypes.c_uint64, 0) for _ in range(n)]
    working = [multiprocessing.get_context("fork").Process(target=_work, args=(one,), daemon=True) for one in done]
    for process in working:
        process.start()
    try:
        yield done
    finally:
        for process in working:
            process.kill()


def _work(done: ctypes.c_uint64) -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    while True:
        np.sort(values)
        done.value += 1

"""Many follow one run while others page through a leaderboard."""

import asyncio
import statistics
import time

import psutil

from benchmarks.service.clients import Heard, follow, page
from benchmarks.service.house import LINES, Served, write_leaderboard
from hsiauto.service.runs import ENDED

ROWS, _PAUSE_S, _SAMPLE_S = 10_000, 0.25, 0.5


def board(served: Served) -> str:
    """A run that has ended, with a long leaderboard."""
    run = served.new_run()
    served.ask(f"/api/runs/{run}/stop", method="POST")
    while served.ask(f"/api/runs/{run}")["state"] not in ENDED:
        time.sleep(0.1)
    folder = served.root / "runs" / run
    folder.mkdir(exist_ok=True)
    write_leaderboard(folder / "leaderboard.parquet", ROWS)
    return run


async def load(served: Served, lines: list[bytes], clients: int, pagers: int) -> str:
    """Everybody at once, as long as one run goes on."""
    paged, server = await asyncio.to_thread(board, served), psutil.Process(served.pid)
    run = served.new_run()
    heard, took, held = [Heard() for _ in range(clients)], list[float](), list[int]()
    following = [asyncio.create_task(follow(served.port, run, served.headers, one)) for one in heard]
    await asyncio.sleep(1)
    began, cpu = time.monotonic(), sum(server.cpu_times()[:2])
    until = began + LINES / served.per_second - 2
    asked = [page(served.port, paged, served.headers, ROWS // 50, until, _PAUSE_S, took) for _ in range(pagers)]
    paging = asyncio.gather(*asked)
    while time.monotonic() < until:
        held.append(server.memory_info().rss)
        await asyncio.sleep(_SAMPLE_S)
    await paging
    share = (sum(server.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
    await asyncio.gather(*following)
    assert all([one.lines[n] for n in range(1, len(lines) + 1)] == lines and not one.doubled for one in heard)
    p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else float("nan")
    first, half, last = (f"{rss / 2**20:.0f}" for rss in (held[0], held[len(held) // 2], held[-1]))
    return (
        f"{clients} clients heard {len(lines)} lines each, once; {len(took)} pages of 50 of {ROWS:,} rows: median "
        f"{1000 * statistics.median(took):.0f} ms, p95 {1000 * p95:.0f} ms; the service took {share:.2f} cores, and "
        f"{first} MiB at first, {half} after half of the time, {last} in the end"
    )

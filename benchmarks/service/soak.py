"""The service works for hours: one run after another, each followed to its end and deleted."""

import asyncio
import time

import psutil

from benchmarks.service.clients import Heard
from benchmarks.service.house import Served
from benchmarks.service.kills import followed


def soak(served: Served, minutes: float) -> str:
    """What the service holds after each quarter of the time."""
    server, told, runs = psutil.Process(served.pid), [], 0
    for quarter in range(1, 5):
        until = time.monotonic() + minutes * 15
        while time.monotonic() < until:
            run = served.new_run()
            asyncio.run(followed(served, run, Heard()))
            served.ask(f"/api/runs/{run}", method="DELETE")
            runs += 1
        disk = sum(path.stat().st_size for path in served.root.rglob("*") if path.is_file())
        held = f"{server.num_fds()} files, {server.num_threads()} threads, {server.memory_info().rss / 2**20:.0f} MiB"
        log = (served.root / "audit.jsonl").stat().st_size
        told.append(f"quarter {quarter}: {held}, {disk / 2**10:.0f} KiB of disk, {log / 2**10:.0f} of them audit.jsonl")
    return f"{runs} runs; " + "; ".join(told)

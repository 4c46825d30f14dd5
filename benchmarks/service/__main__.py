"""`make bench-service`: the service is killed and its jobs are, it is followed by many, and it works for hours.

    python -m benchmarks.service [--kills 20] [--clients 500] [--pagers 50] [--seconds 20] [--minutes 0] [--seed 0]

Kills: of the service and of a job by SIGKILL at random moments, while a client follows and connects anew: each run must
succeed with a whole journal, the client must hear each line once and in order, no process may be left. Load: clients
that follow one run and clients that page through 10,000 rows. Soak (`--minutes`): one run after another.
Jobs are stand-ins that write a journal: what is measured is the service.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.service.clients import Heard, follow, page
from benchmarks.service.house import PATIENCE_S, Served, write_journal, write_leaderboard
from hsiauto.service.runs import ENDED

LINES, ROWS = 400, 10_000


def kills(served: Served, lines: list[bytes], n: int, draw: random.Random) -> str:
    """`n` kills of the service and as many of a job, one of each in a run."""
    killed = 0
    for _ in range(n):
        served.start()
        run, heard = served.new_run(), Heard()
        asyncio.run(_followed(served, run, heard, draw, victims=("job", "service")))
        killed += 2
        state = served.ask(f"/api/runs/{run}")
        assert state["state"] == "succeeded", state
        assert (served.root / "runs" / run / "journal.jsonl").read_bytes().splitlines() == lines
        assert [heard.lines[number] for number in range(1, len(lines) + 1)] == lines, "an event was lost"
        assert heard.doubled == 0, "an event came twice"
        assert served.job_pid(run) is None, "a process was left"
        served.kill()
    return f"{killed} kills: every run whole, no event lost or doubled, no process left"


async def _followed(served: Served, run: str, heard: Heard, draw: random.Random, victims: tuple[str, ...]) -> None:
    """Follow a run to its end, connecting anew, while the victims are killed at random moments."""

    async def kill() -> None:
        for victim in draw.sample(victims, len(victims)):
            await asyncio.sleep(draw.uniform(0.1, 0.4 * LINES / served.per_second))
            if victim == "service":
                served.kill()
                await asyncio.to_thread(served.start)
            elif (pid := served.job_pid(run)) is not None:
                psutil.Process(pid).kill()

    killing = asyncio.create_task(kill())
    until = time.monotonic() + PATIENCE_S
    while not (heard.ended and killing.done()):
        assert time.monotonic() < until, "the run does not end"
        try:
            await follow(served.port, run, served.headers, heard)
        except OSError:
            await asyncio.sleep(0.05)
    await killing


async def load(served: Served, lines: list[bytes], clients: int, pagers: int) -> str:
    """Everybody at once, as long as one run goes on."""
    board = served.new_run()
    while served.ask(f"/api/runs/{board}")["state"] not in ENDED:
        await asyncio.sleep(0.1)
    write_leaderboard(served.root / "runs" / board / "leaderboard.parquet", ROWS)
    server = psutil.Process(served.pid)
    run = served.new_run()
    heard, took = [Heard() for _ in range(clients)], list[float]()
    following = [asyncio.create_task(follow(served.port, run, served.headers, one)) for one in heard]
    await asyncio.sleep(1)
    before, began, cpu = server.memory_info().rss, time.monotonic(), sum(server.cpu_times()[:2])
    until = began + LINES / served.per_second - 2
    asked = [page(served.port, board, served.headers, ROWS // 50, until, took) for _ in range(pagers)]
    await asyncio.gather(*asked)
    share = (sum(server.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
    grown = server.memory_info().rss - before
    await asyncio.gather(*following)
    assert all([one.lines[n] for n in range(1, len(lines) + 1)] == lines and not one.doubled for one in heard)
    p95 = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else float("nan")
    return (
        f"{clients} clients heard {len(lines)} lines each, once; {len(took)} pages of 50 of {ROWS:,} rows: median "
        f"{1000 * statistics.median(took):.0f} ms, p95 {1000 * p95:.0f} ms; the service took {share:.2f} cores and "
        f"grew by {grown / 2**20:.0f} MiB"
    )


def soak(served: Served, minutes: float) -> str:
    """One run after another, each followed to its end and deleted; what the service holds after each quarter."""
    server, told, runs = psutil.Process(served.pid), [], 0
    for quarter in range(1, 5):
        until = time.monotonic() + minutes * 15
        while time.monotonic() < until:
            run, heard = served.new_run(), Heard()
            asyncio.run(_followed(served, run, heard, random.Random(0), victims=()))
            runs += 1
        held = f"{server.num_fds()} files, {server.num_threads()} threads, {server.memory_info().rss / 2**20:.0f} MiB"
        told.append(f"quarter {quarter}: {held}")
    return f"{runs} runs; " + "; ".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("kills", 20),
        ("clients", 500),
        ("pagers", 50),
        ("seconds", 20),
        ("minutes", 0),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=float if name == "minutes" else int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-service-") as place:
        journal = Path(place) / "journal.jsonl"
        lines = write_journal(journal, LINES)
        print(kills(Served(Path(place) / "kills", journal, 200.0), lines, asked.kills, random.Random(asked.seed)))
        served = Served(Path(place) / "load", journal, LINES / asked.seconds)
        served.start()
        print(asyncio.run(load(served, lines, asked.clients, asked.pagers)))
        served.per_second = 200.0
        if asked.minutes:
            print(soak(served, asked.minutes))
        served.kill()


if __name__ == "__main__":
    main()

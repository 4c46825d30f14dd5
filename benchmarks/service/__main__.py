"""`make bench-service`: the service is killed and its jobs are, it is followed by many, and it works for hours.

    python -m benchmarks.service [--kills 20] [--clients 500] [--pagers 50] [--seconds 20] [--slowdown 4] [--minutes 0]
        [--seed 0]

Kills: of the service and of a job by SIGKILL at random moments, while clients follow and connect anew: each run must
succeed with a whole journal, each client hear each line once and in order, no process be left, no state told that is
not true for as long as a heartbeat. Load: clients that follow one run and clients that page through 10,000 rows.
Slowdown, in so many turns: how much less is computed beside them. Soak (`--minutes`): one run after another.
Jobs are stand-ins that write a journal and leave a process behind: what is measured is the service.
"""

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

from benchmarks.service.house import LINES, Served, write_journal
from benchmarks.service.kills import kills
from benchmarks.service.load import load
from benchmarks.service.slowdown import LINES_PER_SECOND, slowdown
from benchmarks.service.soak import soak

_QUICK = 200.0
"""Lines of the journal a second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("kills", 20),
        ("clients", 500),
        ("pagers", 50),
        ("seconds", 20),
        ("slowdown", 4),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--minutes", type=float, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-service-") as place:
        journal = Path(place) / "journal.jsonl"
        lines = write_journal(journal, LINES)
        if asked.kills:
            served = Served(Path(place) / "kills", journal, _QUICK)
            print(kills(served, lines, asked.kills, random.Random(asked.seed)), flush=True)
        if asked.seconds:
            with Served(Path(place) / "load", journal, LINES / asked.seconds) as served:
                print(asyncio.run(load(served, lines, asked.clients, asked.pagers)), flush=True)
        if asked.slowdown:
            with Served(Path(place) / "slowdown", journal, LINES_PER_SECOND) as served:
                print(slowdown(served, asked.clients, asked.pagers, asked.slowdown), flush=True)
        if asked.minutes:
            with Served(Path(place) / "soak", journal, _QUICK) as served:
                print(soak(served, asked.minutes), flush=True)


if __name__ == "__main__":
    main()

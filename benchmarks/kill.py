"""The kill test: searches whose driver, or one of whose workers, dies by SIGKILL at a random moment. What is lost?

A kill counts only where a trial was running after its first report; another search makes up for one that does not. A
search whose driver was killed is resumed; a trial whose worker was killed goes on by itself, and its row says so. Each
search must end with exactly its budget of trials, none of them failed; what had ended before the kill stays as it was;
an epoch is trained at most twice, and twice only in a trial that ran at the kill (the workers' logs tell). Trials
sleep, on a real Ray.

    python -m benchmarks.kill [kills of each kind, 10 by default] [seed]
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks import trivial
from hsiauto.search.events import Event
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import TrialState, trials
from hsiauto.search.workers.driver import run_search
from hsiauto.search.workers.local_ray import ray_for_a_run

BUDGET = 8
PATIENCE_S = 300.0
"""For one search, Ray's start included, on a busy machine."""
MOST_MISSES = 10
_EPOCH = re.compile(r" epoch (\d+) train_loss")


def drive(folders: list[Path]) -> None:
    """One search after another, on one Ray."""
    with ray_for_a_run():
        for folder in folders:
            folder.mkdir(exist_ok=True)
            with Journal(folder / "journal.jsonl") as journal:
                run_search(
                    folder, trivial.run_config(budget=BUDGET), trivial.TrivialSpace(), trivial.data(), journal,
                    trial_type=trivial.SlowTrial, parse=trivial.parse, cost=trivial.cost,
                )  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """What the journal had when a process was killed."""

    victim: str
    """driver | worker."""
    events: list[Event]

    @property
    def running(self) -> dict[str, TrialState]:
        """Trials at work, after their first report: a kill without one does not count."""
        return {t.trial_id: t for t in trials(self.events).values() if t.state == "running" and t.reports}


def start(folders: list[Path]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "benchmarks.kill", "drive", *map(str, folders)])


def kill(victim: str, driver: subprocess.Popen[bytes], folder: Path, rng: random.Random) -> Kill:
    """Wait for a random number of reports and a random part of an epoch, then kill."""
    path = folder / "journal.jsonl"
    n_reports, pause = rng.randint(1, 4 * BUDGET), rng.uniform(0, trivial.SlowTrial.epoch_seconds)
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit and driver.poll() is None:
        if path.exists() and path.read_bytes().count(b'"event":"report"') >= n_reports:
            break
        time.sleep(0.005)
    time.sleep(pause)
    seen = Kill(victim, read(path))
    if victim == "driver":
        driver.kill()
        driver.wait()
        return Kill(victim, read(path))
    if seen.running:
        try:
            os.kill(rng.choice(sorted({trial.pid for trial in seen.running.values()})), signal.SIGKILL)
        except ProcessLookupError:
            return Kill(victim, [])
    return seen


def broken(folder: Path, at: Kill) -> list[str]:
    """The promises that a search has broken, which ended after a kill."""
    events = read(folder / "journal.jsonl")
    after, before = trials(events), trials(at.events)
    found = [f"{len(after)} trials of {BUDGET}"] if len(after) != BUDGET else []
    found += [f"{t.trial_id} is {t.state}" for t in after.values() if not t.ended]
    for trial in before.values():
        if trial.ended and after.get(trial.trial_id) != trial:
            found.append(f"{trial.trial_id} had ended, and changed")
    ran = {trial.trial_id for trial in before.values() if trial.state == "running"}
    for trial in after.values():
        logs = (folder / "trials" / trial.trial_id).glob("attempt-*/log.txt")
        times = Counter(epoch for log in logs for epoch in _EPOCH.findall(log.read_text()))
        most = 2 if trial.trial_id in ran else 1
        found += [f"{trial.trial_id} trained epoch {e} {n} times" for e, n in times.items() if n > most]
        if len({report.epoch for report in trial.reports}) != len(trial.reports):
            found.append(f"{trial.trial_id} reported an epoch twice")
    if at.victim == "worker" and not any(trial.worker_deaths for trial in after.values()):
        found.append("no row says that its worker died")
    found += [f"{trial.trial_id}: {trial.error}" for trial in after.values() if trial.state == "failed"]
    return found


def show(number: int, at: Kill, problems: list[str], seconds: float) -> None:
    where = ", ".join(f"{t.trial_id} at epoch {t.epochs}" for t in at.running.values())
    print(f"{number:3d} {at.victim:7} {where:40} {seconds:6.1f} s  {'; '.join(problems) or 'kept'}", flush=True)


def driver_kills(n: int, root: Path, rng: random.Random) -> list[bool]:
    """Of `n` counted kills, each of a search of its own, which is then resumed."""
    kept: list[bool] = []
    for attempt in range(n + MOST_MISSES):
        if len(kept) == n:
            break
        folder, clock = root / f"driver-{attempt}", time.monotonic()
        at = kill("driver", start([folder]), folder, rng)
        if not at.running:
            continue
        again = start([folder]).wait(timeout=PATIENCE_S)
        problems = broken(folder, at) + ([f"the resume ended with {again}"] if again else [])
        kept.append(not problems)
        show(len(kept), at, problems, time.monotonic() - clock)
    return kept


def worker_kills(n: int, root: Path, rng: random.Random) -> list[bool]:
    """As `driver_kills`, with one driver for all searches while it lives."""
    kept: list[bool] = []
    for attempt in range(1 + MOST_MISSES):
        if len(kept) == n:
            break
        folders = [root / f"worker-{attempt}-{i}" for i in range(n - len(kept))]
        clock, driver = time.monotonic(), start(folders)
        seen = [kill("worker", driver, folder, rng) for folder in folders]
        ended = driver.wait(timeout=PATIENCE_S)
        each = (time.monotonic() - clock) / len(folders)
        for folder, at in zip(folders, seen, strict=True):
            if at.running:
                problems = broken(folder, at) + ([f"the driver ended with {ended}"] if ended else [])
                kept.append(not problems)
                show(len(kept), at, problems, each)
    return kept


def main() -> None:
    if sys.argv[1:2] == ["drive"]:
        drive([Path(folder) for folder in sys.argv[2:]])
        return
    n, seed = (int(word) for word in (*sys.argv[1:], *("10", "0")[len(sys.argv) - 1 :]))
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="hsiauto-kill-") as folder:
        kept = [*driver_kills(n, Path(folder), rng), *worker_kills(n, Path(folder), rng)]
    whole = len(kept) == 2 * n and all(kept)
    print(f"{sum(kept)} of {2 * n} searches lost nothing: {'kept' if whole else 'NOT kept'}")
    sys.exit(not whole)


if __name__ == "__main__":
    main()

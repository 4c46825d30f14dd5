"""Where the wall time of a finished search went: seconds of each phase, and what its workers did in them.

Read from the journals of the run folder. Workers are as many as trained at a time. Their seconds are divided by their
number, so that the columns of a line add up to its wall time: before a worker's first job (Ray, the imports of a
worker), in training and validation, in jobs beside that (building, predicting the test, saving), between two jobs, and
after a worker's last one, while others still trained.

    python -m benchmarks.where RUN...
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.runs import folder as folders
from hsiauto.search.events import Ended, Event, Opened, Ranked, Reevaluated, Refit, Reported, Resumed, Started, of
from hsiauto.search.journal import read


@dataclass(frozen=True)
class Busy:
    """A worker's time for one job, in seconds of the clock."""

    began: float
    ended: float
    trained: float


@dataclass(frozen=True)
class Phase:
    """Wall seconds of a phase, and where each worker spent them, on average."""

    name: str
    wall: float
    starting: float = 0.0
    training: float = 0.0
    beside: float = 0.0
    between: float = 0.0
    idle: float = 0.0

    @classmethod
    def of(cls, name: str, began: float, ended: float, jobs: Sequence[Busy], workers: int) -> "Phase":
        """jobs: of the phase, which lasted from `began` to `ended`."""
        firsts = sorted(job.began for job in jobs)[:workers]
        lasts = sorted(job.ended for job in jobs)[-workers:]
        missing = (workers - len(firsts)) * (ended - began)  # workers that had nothing to do
        starting = sum(first - began for first in firsts) / workers
        idle = (sum(ended - last for last in lasts) + missing) / workers
        training = sum(job.trained for job in jobs) / workers
        beside = sum(job.ended - job.began for job in jobs) / workers - training
        between = ended - began - starting - idle - training - beside
        return cls(name, ended - began, starting, training, beside, between, idle)


def phases(folder: Path) -> list[Phase]:
    """The phases of the run in `folder`, in order. Raises UserError unless one call has finished it."""
    journal, refits = read(folder / folders.JOURNAL), read(folder / folders.REFITS)
    page = folder / folders.REPORT
    if not page.is_file() or not of(Ranked, journal) or of(Resumed, journal):
        raise UserError("the time of a search is told of one that a single call has finished", folder)
    opened = of(Opened, journal)[0]
    trials, folds, models = _of_trials(journal), _of_jobs(of(Reevaluated, journal)), _of_jobs(of(Refit, refits))
    marks = [_seconds(event.at) for event in (opened, of(Ended, journal)[-1], of(Ranked, journal)[-1])]
    marks.append(_seconds(of(Refit, refits)[-1].at))
    workers = _at_a_time([*trials, *folds, *models])
    names = ("search", "re-evaluation", "refits")
    return [
        Phase("start", opened.start_seconds),
        *(
            Phase.of(name, marks[i], marks[i + 1], jobs, workers)
            for i, (name, jobs) in enumerate(zip(names, (trials, folds, models), strict=True))
        ),
        Phase("export and pictures", page.stat().st_mtime - marks[-1]),
    ]


def _of_trials(journal: Sequence[Event]) -> list[Busy]:
    began = {(event.trial_id, event.attempt): _seconds(event.at) for event in of(Started, journal)}
    trained = {(event.trial_id, event.attempt): event.fit_seconds for event in of(Reported, journal)}
    return [
        Busy(began[key], _seconds(event.at), trained.get(key, 0.0))
        for event in of(Ended, journal)
        if (key := (event.trial_id, event.attempt)) in began
    ]


def _of_jobs(events: Iterable[Reevaluated | Refit]) -> list[Busy]:
    jobs = []
    for event in events:
        if event.started_at:
            began, ended = _seconds(event.started_at), _seconds(event.finished_at)
            # A member was trained in the time of its ensemble.
            jobs.append(Busy(began, ended, min(event.fit_seconds or 0.0, ended - began)))
    return jobs


def _at_a_time(jobs: Iterable[Busy]) -> int:
    """The most jobs that ran together."""
    most = now = 0
    for _, change in sorted(edge for job in jobs for edge in ((job.began, 1), (job.ended, -1))):
        now += change
        most = max(most, now)
    return most


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of finished searches")
    for folder in parser.parse_args().runs:
        found = phases(folder)
        all_s = sum(phase.wall for phase in found)
        print(f"\n{folder.name}: {all_s:.0f} s, seconds of a worker")
        print("| phase | wall | share | starting | training | beside it | between jobs | idle at the end |")
        print("|---|---|---|---|---|---|---|---|")
        for phase in found:
            spent = (phase.starting, phase.training, phase.beside, phase.between, phase.idle)
            told = " | ".join(f"{seconds:.1f}" for seconds in spent) if any(spent) else " | ".join("" for _ in spent)
            print(f"| {phase.name} | {phase.wall:.1f} | {phase.wall / all_s:.0%} | {told} |")


if __name__ == "__main__":
    main()

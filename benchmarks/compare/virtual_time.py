"""Workers in virtual time: who reports next, and what the best-so-far config would give if it were refitted now."""

import heapq
import itertools
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.compare.problem import Config, Problem


@dataclass(frozen=True)
class Run:
    """A config to train, under the method's own name for it."""

    key: Hashable
    config: Config


class Method(Protocol):
    """A search method: asked for work, told of scores."""

    def next(self) -> Run | None:
        """What a free worker trains now; None = nothing. Asked again after the next score."""
        ...

    def report(self, run: Run, epoch: int, score: float) -> bool:
        """Take a score; whether the training goes on. Never asked after the last epoch."""
        ...


@dataclass
class Clock:
    """Virtual seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Outcome:
    """What one search came to: the config with the best score at full fidelity, or failing that the latest fidelity."""

    times: list[float] = field(default_factory=list)
    """When the choice changed, virtual seconds."""
    refits: list[float] = field(default_factory=list)
    """What a refit of the choice reaches."""
    choices: list[Config] = field(default_factory=list)
    trials: int = 0
    epochs: int = 0

    @property
    def choice(self) -> Config:
        """The last one."""
        assert self.choices, "a budget holds one epoch at least"
        return self.choices[-1]


def simulate(problem: Problem, method: Method, clock: Clock, *, workers: int, budget_s: float, seed: int) -> Outcome:
    """Run `method` for `budget_s` virtual seconds on `workers`. An epoch that would end after the budget is lost."""
    outcome, best = Outcome(), (0, float("-inf"))
    tie = itertools.count()
    busy: list[tuple[float, int, Run, int]] = []

    def begin(run: Run, epoch: int) -> None:
        heapq.heappush(busy, (clock.now + problem.seconds(run.config), next(tie), run, epoch))

    def occupy() -> None:
        while len(busy) < workers and (run := method.next()) is not None:
            outcome.trials += 1
            problem.begin(run.config)
            begin(run, problem.first_epoch(run.config))

    occupy()
    while busy:
        when, _, run, epoch = heapq.heappop(busy)
        if when > budget_s:
            continue
        clock.now = when
        score = problem.score(run.config, epoch, seed)
        outcome.epochs += 1
        rank = (int(epoch == problem.max_epochs) * problem.max_epochs or epoch, score)
        if rank > best:
            best = rank
            outcome.times.append(when)
            outcome.refits.append(problem.final(run.config))
            outcome.choices.append(run.config)
        goes_on = method.report(run, epoch, score)
        if goes_on and epoch < problem.max_epochs:
            begin(run, epoch + 1)
        occupy()
    return outcome

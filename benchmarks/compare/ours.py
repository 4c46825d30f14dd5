"""Our engine as a method: the very object that a search runs, on a virtual clock."""

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.study import create_study
from optuna.trial import BaseTrial, FixedTrial

from benchmarks.compare.joint import JointProposals, JointSpace
from benchmarks.compare.problem import Config, Problem
from benchmarks.compare.virtual_time import Clock, Run
from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig
from hsiauto.scene.source import SceneSource
from hsiauto.search.engine import Engine
from hsiauto.search.journal import Journal
from hsiauto.search.optuna_study import quiet_optuna
from hsiauto.search.proposals import Proposals
from hsiauto.search.samplers import seed_for
from hsiauto.search.screen import CPU_MACS_PER_SECOND, Cost
from hsiauto.training.trial import Report


class Point(FamilyConfig):
    """A config of a problem, as the engine wants it."""

    kind = "torch"
    input = "pixel"
    source = "benchmarks"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"paper": {}}
    drawn: dict[str, Any]

    def active(self) -> dict[str, Any]:
        return {"family": self.family, "drawn": self.drawn}

    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.drawn, sort_keys=True).encode()).hexdigest()[:16]


class ProblemSpace:
    """The search space of a problem. A random config stands in for the presets of a family that has none."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self.families, self._asked = problem, problem.families, _Asked(problem)
        with quiet_optuna():
            study = create_study(sampler=RandomSampler(seed=seed_for(seed, "presets")))
            drawn = {family: self.suggest(study.ask(), family) for family in self.families}
        self._presets = {family: _points(family, problem.presets(family)) or (drawn[family],) for family in drawn}

    def suggest(self, trial: BaseTrial, family: str) -> Point:
        return Point(family=family, drawn=dict(self._problem.suggest(trial, family)))

    def presets(self, family: str) -> tuple[Point, ...]:
        return self._presets[family]

    def params(self, config: FamilyConfig) -> dict[str, Any]:
        assert isinstance(config, Point)
        return self._asked.of(config)[0]

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        assert isinstance(config, Point)
        return self._asked.of(config)[1]


def _points(family: str, configs: Iterable[Config]) -> tuple[Point, ...]:
    return tuple(Point(family=family, drawn=dict(config)) for config in configs)


class _Asked:
    """The parameter names under which a problem draws: found by drawing once more from the values."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def of(self, config: Point) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        names = _Names(config.drawn)
        self._problem.suggest(names, config.family)
        return names.params, names.distributions


class _Names(FixedTrial):
    """Answers `family/axis` with the value of `axis`."""

    def __init__(self, drawn: Mapping[str, Any]) -> None:
        super().__init__({f"{drawn['family']}/{axis}": value for axis, value in drawn.items() if axis != "family"})


class Ours:
    """The engine with a journal in a temporary folder."""

    def __init__(
        self,
        problem: Problem,
        clock: Clock,
        workers: int,
        budget_s: float,
        seed: int,
        *,
        joint: bool = False,
        **settings: Any,
    ) -> None:
        """joint: one study over all families. settings: of the run."""
        self._problem, self._spent_s = problem, dict[str, float]()
        self._folder = tempfile.TemporaryDirectory(prefix="hsiauto-compare-")
        settings = {"budget": 1_000_000, "max_epochs": problem.max_epochs, "grace_epochs": 1, **settings}
        space = ProblemSpace(problem, seed)
        self.engine = Engine(
            Journal(Path(self._folder.name) / "journal.jsonl"),
            RunConfig(scene=SceneSource(dataset="demo"), seed=seed, **settings),
            JointSpace(space) if joint else space,
            cost=self._cost,
            parse=Point.model_validate,
            workers=workers,
            deadline=budget_s,
            clock=clock,
            proposals=JointProposals if joint else Proposals,
        )

    def next(self) -> Run | None:
        training = self.engine.next()
        if training is None:
            return None
        self.engine.start(training.trial_id, training.attempt, "virtual", "cpu", 0)
        assert isinstance(training.config, Point)
        return Run(training.trial_id, training.config.drawn)

    def report(self, run: Run, epoch: int, score: float) -> bool:
        trial_id = str(run.key)
        self._spent_s[trial_id] = self._spent_s.get(trial_id, 0.0) + self._problem.seconds(run.config)
        report = Report(epoch, 0.0, 0.0, score, score, score, self._spent_s[trial_id], 0)
        return self.engine.report(trial_id, 1, report) == "continue"

    def _cost(self, config: FamilyConfig) -> Cost:
        """As many multiply-adds as a core does in the seconds of an epoch; none for a config of one step."""
        assert isinstance(config, Point)
        if self._problem.first_epoch(config.drawn) > 1:
            return Cost(None, None)
        epoch_macs = round(CPU_MACS_PER_SECOND * self._problem.seconds(config.drawn))
        return Cost(None, None, epoch_macs)

"""What ours is compared with: the usual pairings of sampler and early stopping over one joint space."""

import itertools
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from benchmarks.compare.problem import Problem
from benchmarks.compare.virtual_time import Clock, Run
from hsiauto.search.rungs import Rungs

optuna.logging.set_verbosity(optuna.logging.ERROR)


def _tpe(seed: int) -> TPESampler:
    return TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed)


class Joint:
    """One Optuna study over the choice of family and its axes."""

    def __init__(self, problem: Problem, sampler: BaseSampler, pruner: optuna.pruners.BasePruner | None = None) -> None:
        self._problem = problem
        self._study = optuna.create_study(
            study_name="joint",  # Hyperband's pruner hashes it: by default it is another one each time
            direction="maximize",
            sampler=sampler,
            pruner=pruner or optuna.pruners.NopPruner(),
        )

    def next(self) -> Run | None:
        trial = self._study.ask()
        self._asked(trial)
        family = trial.suggest_categorical("family", self._problem.families)
        return Run(trial.number, self._problem.suggest(trial, family))

    def report(self, run: Run, epoch: int, score: float) -> bool:
        raise NotImplementedError

    def _asked(self, trial: optuna.Trial) -> None:
        """Told of each trial before it draws."""


class RayDefault(Joint):
    """Joint TPE and one ASHA (Ray's object) for all: what `OptunaSearch` with `ASHAScheduler` does.

    ASHA has Ray's defaults (2.60.0): one bracket, a first rung after one epoch, one in four kept. TPE is that of the
    other joint methods; Ray's, which does not group, would draw hyperparameters one by one. A trial stopped by ASHA
    is told COMPLETE at its last value, as Ray's Optuna adapter does.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, _tpe(seed))
        self._rungs = Rungs("asha", problem.max_epochs, grace_epochs=1, reduction=4, latest=1.0)

    def report(self, run: Run, epoch: int, score: float) -> bool:
        goes_on = self._rungs.goes_on("all", str(run.key), epoch, score)
        if not goes_on or epoch == self._problem.max_epochs:
            self._study.tell(int(str(run.key)), score)
            return False
        return True


class RayDefaultWithPresets(RayDefault):
    """The same, told of the presets beforehand as ours is: the first of each family, then the second ones.

    Optuna's `enqueue_trial`, Ray's `points_to_evaluate`.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        by_family = [problem.presets(family) for family in problem.families]
        for config in filter(None, itertools.chain(*itertools.zip_longest(*by_family))):
            family = config["family"]
            own = {f"{family}/{name}": value for name, value in config.items() if name != "family"}
            self._study.enqueue_trial({"family": family, **own})


class OptunaHyperband(Joint):
    """Joint TPE with Optuna's own Hyperband pruner."""

    def __init__(self, problem: Problem, seed: int) -> None:
        pruner = optuna.pruners.HyperbandPruner(1, problem.max_epochs, 3)
        super().__init__(problem, _tpe(seed), pruner)
        self._live: dict[int, optuna.Trial] = {}

    def _asked(self, trial: optuna.Trial) -> None:
        self._live[trial.number] = trial

    def report(self, run: Run, epoch: int, score: float) -> bool:
        trial = self._live[int(str(run.key))]
        trial.report(score, epoch)
        if epoch == self._problem.max_epochs:
            self._study.tell(trial, score)
        elif trial.should_prune():
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            return True
        del self._live[trial.number]
        return False


class RandomSearch(Joint):
    """Random configs of random families, each trained to the end."""

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, RandomSampler(seed=seed))

    def report(self, run: Run, epoch: int, score: float) -> bool:
        if epoch == self._problem.max_epochs:
            self._study.tell(int(str(run.key)), score)
        return epoch < self._problem.max_epochs


class OneEpoch(Joint):
    """One epoch for random configs during half of the budget, then the best by that epoch to the end.

    arXiv 2307.15422 and 2404.04111: a baseline that matches many multi-fidelity methods at a tenth of the compute.
    """

    def __init__(self, problem: Problem, seed: int, clock: Clock, budget_s: float) -> None:
        super().__init__(problem, RandomSampler(seed=seed))
        self._clock, self._half = clock, budget_s / 2
        self._seen: list[tuple[float, int, Run]] = []
        self._again = itertools.count(1_000_000)
        self._full: set[Any] = set()

    def next(self) -> Run | None:
        if self._clock.now < self._half:
            return super().next()
        if not self._seen:
            return None
        self._seen.sort(key=lambda one: one[:2])
        run = Run(next(self._again), self._seen.pop()[2].config)
        self._full.add(run.key)
        return run

    def report(self, run: Run, epoch: int, score: float) -> bool:
        if run.key in self._full or epoch == self._problem.max_epochs:  # a family of one step has had it all
            return epoch < self._problem.max_epochs
        self._seen.append((score, -int(str(run.key)), run))
        return False

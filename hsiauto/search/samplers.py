"""What to try next within one family: one Optuna study a family, which follows the journal.

So a proposal is a function of the journal and the seed, and a resumed run proposes what an undisturbed one would. (One
study over all families locks in on the one that leads early: `benchmarks/compare/joint.py`.)
"""

import hashlib
import io
import math
import pickle
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal, Protocol

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import BaseTrial, FrozenTrial, create_trial
from optuna.trial import TrialState as OptunaState
from threadpoolctl import threadpool_limits

from hsiauto.config import SamplerName, SecondObjective
from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.search.events import Origin
from hsiauto.search.learning_curves import curve
from hsiauto.search.optuna_study import Directions, FollowedStudy, quiet_optuna
from hsiauto.search.trials import TrialState, recent

STARTUP_TRIALS = 1 + 3
"""The preset and three random ones. With Optuna's ten TPE would hardly begin at usual budgets."""
EI_CANDIDATES = 96
"""Draws of which TPE takes the best. Optuna's 24 are few for the six to twenty hyperparameters of a family."""
GP_FROM, GP_TO = 10, 200
"""Trials with a score at full fidelity, reached or predicted, between which `auto` asks a Gaussian process: fewer say
too little, and with more it takes too long. Otherwise TPE."""
GP_TRAINING = 2e10
"""Multiply-adds of a training, some seconds of a CPU core, from which on `auto` asks it. A draw takes 0.2 s."""
TRIES, RANDOM_TRIES = 8, 96
"""Draws for a config that has not run: from the sampler, then at random."""
GP_TRIES = 2
"""TRIES that a Gaussian process has; then TPE draws. One that is sure of its optimum draws it again and again."""

_Drawing = Literal["tpe", "random", "gp", "cmaes", "qmc"]
_STATES = {"completed": OptunaState.COMPLETE, "stopped": OptunaState.PRUNED}
_FAILED = ("failed", "refused")


class SearchSpace(Protocol):
    """What a search needs of a space (`hsiauto.space.Space`, bound to a scene)."""

    @property
    def families(self) -> tuple[str, ...]: ...
    def suggest(self, trial: BaseTrial, family: str) -> FamilyConfig: ...
    def presets(self, family: str) -> Sequence[FamilyConfig]: ...
    def params(self, config: FamilyConfig) -> dict[str, Any]: ...
    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]: ...


@dataclass(frozen=True)
class Proposal:
    """A config to run, and what the sampler wants to find again beside it."""

    config: FamilyConfig
    origin: Origin
    sampler_state: dict[str, Any] = field(default_factory=dict)
    found_by: str = ""
    """<run>/<trial id> of a warm start."""


@dataclass(frozen=True)
class Sampling:
    """How proposals within a family are made."""

    sampler: SamplerName
    seed: int
    objective: str
    max_epochs: int
    space: SearchSpace
    parse: Callable[[dict[str, Any]], FamilyConfig]
    """A journalled config -> the config."""
    second_objective: SecondObjective | None = None
    end: Callable[[TrialState], float | None] = lambda trial: None
    """Where a trial that came so far would have ended; None if it cannot be told."""
    _studies: dict[str, FollowedStudy] = field(default_factory=dict, repr=False)
    """By family."""
    _distributions: dict[str, dict[str, BaseDistribution]] = field(default_factory=dict, repr=False)
    """By config hash: a space works them out afresh each time."""

    def propose(
        self,
        family: str,
        past: Sequence[TrialState],
        taken: Collection[str],
        allowed: Callable[[FamilyConfig], bool] = lambda _: True,
    ) -> Proposal | None:
        """The next config of `family`, given its trials so far; None if every draw has run or is not `allowed`.

        `taken` holds the config hashes that have run.
        """
        asks = sum(trial.origin == "sampler" for trial in past)
        if self.sampler not in ("cmaes", "qmc"):  # what these leave in the journal goes on through all trials
            past = recent(past)
        chosen = self._chosen(family, past)
        with quiet_optuna(), threadpool_limits(1) if chosen == "gp" else nullcontext():  # its matrices are small
            if chosen == "gp":  # its predicted ends move with each completion
                study = FollowedStudy(self.directions(family))
                study.follow(past, self._predicted)
            else:
                study = self._following(family, past)
                study.follow(past, self.frozen)
            for attempt in range(TRIES + RANDOM_TRIES):
                trial = study.ask(_sampler(_at(attempt, chosen), self.seed, family, (asks, attempt)))
                config = self.space.suggest(trial, family)
                state = _own(study.attributes(trial))
                study.forget(trial)
                if config.hash() not in taken and allowed(config):
                    self._distributions[config.hash()] = trial.distributions
                    return Proposal(config, "sampler", state)
        return None

    def _following(self, family: str, past: Sequence[TrialState]) -> FollowedStudy:
        """The study of the family that follows the trials from the first of `past` on."""
        first = past[0].trial_id if past else ""
        if family not in self._studies or self._studies[family].first not in ("", first):
            self._studies[family] = FollowedStudy(self.directions(family))
        return self._studies[family]

    def _asked(self, trial: TrialState) -> dict[str, BaseDistribution]:
        if trial.config_hash not in self._distributions:
            with warnings.catch_warnings():  # about choices that are no strings
                warnings.simplefilter("ignore")
                self._distributions[trial.config_hash] = self.space.distributions(self.parse(trial.config))
        return self._distributions[trial.config_hash]

    def _chosen(self, family: str, past: Sequence[TrialState]) -> _Drawing:
        """What draws next."""
        if self.sampler != "auto":
            return self.sampler
        if len(self.directions(family)) > 1:
            return "tpe"
        known = [trial for trial in past if trial.state == "completed" or self._end(trial) is not None]
        if not GP_FROM <= len(known) <= GP_TO:
            return "tpe"
        return "gp" if median((t.epoch_macs or 0) * self.max_epochs for t in known) >= GP_TRAINING else "tpe"

    def _end(self, trial: TrialState) -> float | None:
        """Where a trial that was stopped would have ended; None of any other."""
        stopped = trial.state == "stopped" and math.isfinite(trial.score(self.objective))
        return self.end(trial) if stopped else None

    def _predicted(self, trial: TrialState) -> FrozenTrial:
        """As `frozen`; but a stopped trial counts as completed with its predicted end. A Gaussian process learns from
        values at full fidelity alone, and few trials get there."""
        frozen = self.frozen(trial)
        if frozen.state == OptunaState.PRUNED and (end := self._end(trial)) is not None:
            frozen.state, frozen.values = OptunaState.COMPLETE, [end]
        return frozen

    def directions(self, family: str) -> Directions:
        """Directions of the objectives in the study of `family`. A classical family has no size to weigh."""
        if self.second_objective is None:
            return ("maximize",)
        if self.second_objective == "pixels_per_second":
            return ("maximize", "maximize")
        sized = self.space.presets(family)[0].kind == "torch"
        return ("maximize", "minimize") if sized else ("maximize",)

    def frozen(self, trial: TrialState, whole: bool = False) -> FrozenTrial:
        """A journalled trial as Optuna's: stopped = PRUNED with its intermediate values, not finite = FAIL.

        Completed trials teach by their value at full fidelity; `whole` adds their learning curves, for the mirror.
        With two objectives nothing below full fidelity teaches: Optuna has no intermediate values then.
        """
        values = [trial.score(self.objective)]
        if weighed := len(self.directions(trial.family)) > 1:
            second = getattr(trial, str(self.second_objective))
            values.append(math.nan if second is None else float(second))
        state = OptunaState.FAIL if trial.state in _FAILED else _STATES.get(trial.state, OptunaState.RUNNING)
        if state == OptunaState.COMPLETE and not all(map(math.isfinite, values)):
            state = OptunaState.FAIL
        scores = {} if weighed else curve(trial, self.objective)
        if state == OptunaState.PRUNED and not scores:
            state = OptunaState.FAIL  # stopped before it had a score: nothing to learn
        complete = state == OptunaState.COMPLETE
        attributes = dict(trial.sampler_state.get("trial", {}))
        _check_optimizer(attributes)
        return create_trial(
            state=state,
            values=values if complete else None,
            params=dict(trial.params),
            distributions=self._asked(trial),
            intermediate_values=scores if whole or state == OptunaState.PRUNED else {},
            system_attrs=attributes,
        )


def seed_for(*parts: object) -> int:
    """32 bits that depend on every part, the same in every process."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:4], "little")


def _at(attempt: int, chosen: _Drawing) -> _Drawing:
    """What draws in this attempt at a proposal."""
    if attempt >= TRIES:
        return "random"
    return "tpe" if chosen == "gp" and attempt >= GP_TRIES else chosen


def _sampler(name: _Drawing, seed: int, family: str, ask: tuple[int, int]) -> BaseSampler:
    asked = seed_for(seed, family, *ask)
    match name:
        case "tpe":
            return TPESampler(
                multivariate=True,
                group=True,
                constant_liar=True,
                n_startup_trials=STARTUP_TRIALS,
                n_ei_candidates=EI_CANDIDATES,
                seed=asked,
            )
        case "random":
            return RandomSampler(seed=asked)
        case "gp":  # TPE draws the hyperparameters that only some configs have
            return GPSampler(
                n_startup_trials=STARTUP_TRIALS, independent_sampler=_sampler("tpe", seed, family, ask), seed=asked
            )
        case "cmaes":
            return CmaEsSampler(n_startup_trials=STARTUP_TRIALS, seed=asked)
        case "qmc":  # one sequence a family: its seed may not move with the asks
            return QMCSampler(scramble=True, seed=seed_for(seed, family), independent_sampler=RandomSampler(seed=asked))


def _own(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What samplers keep in system attributes: CMA-ES its optimiser in the trial, QMC its place in the study."""
    own = {
        # TPE and GP note what they drew together: the journal has it as `params`.
        scope: {key: value for key, value in inner.items() if ":relative_params:" not in key}
        for scope, inner in attributes.items()
    }
    return {scope: inner for scope, inner in own.items() if inner}


_OPTIMIZER = "cma:optimizer:"
_OPTIMIZER_NAMES = {
    ("cmaes._cma", "CMA"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("_core", "core") for name in ("_reconstruct", "scalar")),
}


class _Checked(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _OPTIMIZER_NAMES:
            raise UserError(
                "the CMA-ES state in a journal holds numbers alone", f"{module}.{name}", "Do not resume it."
            )
        return super().find_class(module, name)


def _check_optimizer(attributes: Mapping[str, Any]) -> None:
    """Optuna keeps CMA-ES as a pickle and will load it: refuse one from a foreign journal that names other code."""
    pieces = [attributes[f"{_OPTIMIZER}{i}"] for i in range(len(attributes)) if f"{_OPTIMIZER}{i}" in attributes]
    if pieces:
        _Checked(io.BytesIO(bytes.fromhex("".join(pieces)))).load()

"""Ours with one joint study: it chooses the family with the hyperparameters of all of them, and locks in early.

Presets come first, a family each; rungs stay per family. For comparison with the allocation of a search.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import BaseTrial

from hsiauto.families.base import FamilyConfig
from hsiauto.search.proposals import MOST_REFUSED, Proposals
from hsiauto.search.samplers import Proposal, SearchSpace

JOINT = "joint"
"""Name of the study, in the place of a family's."""
FAMILY = "family"
"""The hyperparameter that chooses."""


@dataclass(frozen=True)
class JointSpace:
    """A space whose first hyperparameter is the family: `family`, then `<family>.<name>` of the chosen one."""

    space: SearchSpace

    @property
    def families(self) -> tuple[str, ...]:
        return self.space.families

    def suggest(self, trial: BaseTrial, family: str) -> FamilyConfig:
        """A config of any family: `family` is the name of the study, JOINT."""
        return self.space.suggest(trial, trial.suggest_categorical(FAMILY, self.families))

    def presets(self, family: str) -> Sequence[FamilyConfig]:
        return self.space.presets(family)

    def params(self, config: FamilyConfig) -> dict[str, Any]:
        return {FAMILY: config.family, **self.space.params(config)}

    def distributions(self, config: FamilyConfig) -> dict[str, BaseDistribution]:
        return {FAMILY: CategoricalDistribution(self.families), **self.space.distributions(config)}


class JointProposals(Proposals):
    """Proposes over a JointSpace."""

    def _turn(self, closed: Collection[str]) -> str | None:
        """A family that has not begun, else JOINT."""
        begun = {trial.family for trial in self._ledger.trials.values()} | set(closed)
        fresh = [family for family in self._plan.families if family not in begun]
        return fresh[0] if fresh else None if JOINT in closed else JOINT

    def _proposal(self, family: str) -> Proposal | None:
        past, screen, refused = list(self._ledger.trials.values()), self._screen(), 0
        if family != JOINT:
            return self._preset(family, screen)[0]
        closed = self._closed | self._time_limit.too_slow(past)

        def allowed(config: FamilyConfig) -> bool:
            nonlocal refused
            if config.family in closed or refused == MOST_REFUSED:
                return False
            allows = screen.allows(config)
            refused += not allows
            return allows

        return self._sampling.propose(JOINT, past, {trial.config_hash for trial in past}, allowed)

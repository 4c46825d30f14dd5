"""`--allocation joint`, for comparison: one Optuna study over the choice of family and the axes of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import BaseTrial

from hsiauto.families.base import FamilyConfig
from hsiauto.search.samplers import SearchSpace

JOINT = "joint"
"""Name of the study, in the place of a family's."""
FAMILY = "family"
"""The axis that chooses."""


@dataclass(frozen=True)
class JointSpace:
    """A space whose first axis is the family: `family`, then `<family>.<axis>` of the chosen one."""

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

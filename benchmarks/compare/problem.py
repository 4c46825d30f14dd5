"""What a search method is run on: families of configs with learning curves that cost virtual seconds.

A method may ask for scores, epoch by epoch, and pays `seconds` for each. `final` is for the judge alone.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from optuna.trial import BaseTrial

Config = Mapping[str, Any]
"""`family` and the values of its axes."""


class Problem(Protocol):
    @property
    def families(self) -> tuple[str, ...]: ...
    @property
    def max_epochs(self) -> int: ...
    @property
    def best_family(self) -> str:
        """Of the best config at full fidelity."""
        ...

    def suggest(self, trial: BaseTrial, family: str) -> Config:
        """Draw a config of `family`."""
        ...

    def presets(self, family: str) -> tuple[Config, ...]:
        """Configs of `family` that are known beforehand; empty where there are none."""
        ...

    def begin(self, config: Config) -> None:
        """A worker starts to train it. A problem of few configs does not draw it again."""
        ...

    def first_epoch(self, config: Config) -> int:
        """Of its first report: 1, or `max_epochs` for a config that is trained in one step."""
        ...

    def score(self, config: Config, epoch: int, seed: int) -> float:
        """On validation after `epoch`, with the noise of `seed`."""
        ...

    def seconds(self, config: Config) -> float:
        """Of one report after the other: of an epoch, or of the one step that is all."""
        ...

    def final(self, config: Config) -> float:
        """What a refit reaches. For the judge alone."""
        ...


@dataclass(frozen=True)
class Surrogate:
    """A Python file with FAMILIES, MAX_EPOCHS, BEST_FAMILY, suggest_in, score, final and cost."""

    module: ModuleType

    @classmethod
    def load(cls, path: Path) -> "Surrogate":
        spec = importlib.util.spec_from_file_location("surrogate_problem", path)
        if spec is None or spec.loader is None or not path.exists():
            raise SystemExit(f"{path} is no Python file with a surrogate problem")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return cls(module)

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(self.module.FAMILIES)

    @property
    def max_epochs(self) -> int:
        return int(self.module.MAX_EPOCHS)

    @property
    def best_family(self) -> str:
        return str(self.module.BEST_FAMILY)

    def suggest(self, trial: BaseTrial, family: str) -> Config:
        drawn: Config = self.module.suggest_in(trial, family)
        return drawn

    def presets(self, family: str) -> tuple[Config, ...]:
        return ()

    def begin(self, config: Config) -> None:
        pass

    def first_epoch(self, config: Config) -> int:
        return 1

    def score(self, config: Config, epoch: int, seed: int) -> float:
        return float(self.module.score(config, epoch, seed))

    def seconds(self, config: Config) -> float:
        return float(self.module.cost(config))

    def final(self, config: Config) -> float:
        return float(self.module.final(config))

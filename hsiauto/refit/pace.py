"""What full trainings take on the workers of a run, from what its journals have timed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any, Self

from hsiauto.families import FAMILIES, config_from, costs
from hsiauto.families.base import FamilyConfig
from hsiauto.search.events import Refit
from hsiauto.search.trials import TrialState

_macs = cache(costs.macs)


@dataclass(frozen=True)
class Extent:
    """What an epoch's work is counted by."""

    n_pixels: int
    """Of the whole scene, of which a tile family predicts every one."""
    n_bands: int
    n_classes: int

    def work(self, family: str, macs: int | None, n_train: int) -> int:
        """Multiply-adds of all predictions of an epoch, or the training pixels of a classical family."""
        return (macs or 1) * (self.n_pixels if FAMILIES[family].input == "tile" else n_train)


@dataclass(frozen=True)
class Timed:
    """A training that was timed, whole or in part."""

    family: str
    training: str
    """Hash of the config that was trained, which has no filter over space yet."""
    is_network: bool
    seconds_a_work: float


@dataclass
class Pace:
    """Predicts seconds of full trainings.

    A config takes as long as it took before, else in proportion to its work as its family took, else, if it is a
    network, as the other networks did; each time the median. What nothing like it was timed for is measured.
    """

    extent: Extent
    max_epochs: int
    timed: list[Timed]
    measure: Callable[[FamilyConfig], float | None]
    """Seconds of a full training on `measured_on` pixels, from a short try; None: it is not tried."""
    measured_on: int

    @classmethod
    def of(
        cls,
        extent: Extent,
        max_epochs: int,
        trials: Iterable[TrialState],
        n_train: int,
        refits: Iterable[Refit] = (),
        measure: Callable[[FamilyConfig], float | None] = lambda config: None,
    ) -> Self:
        """From the `trials` of a search, each on `n_train` pixels, and `refits`, which time may have cut short."""
        timed = [*_of_trials(extent, trials, n_train), *_of_refits(extent, refits)]
        return cls(extent, max_epochs, timed, measure, n_train)

    def seconds(self, config: FamilyConfig, n_train: int) -> float | None:
        """Seconds of a full training of `config` on `n_train` pixels, those of an ensemble's members together; None if
        nothing tells."""
        if config.kind == "reference":
            return 0.0
        if config.kind == "ensemble":
            each = [self.seconds(member, n_train) for member in config.parts]
            return sum(seconds for seconds in each if seconds is not None) if None not in each else None
        macs = _macs(config.bounded(self.extent.n_bands, n_train), self.extent.n_bands, self.extent.n_classes)
        alike = self._alike(config, is_network=macs is not None) or self._measured(config, macs)
        if not alike:
            return None
        work = self.extent.work(config.family, macs, n_train)
        return median(one.seconds_a_work for one in alike) * work * self.max_epochs

    def _alike(self, config: FamilyConfig, *, is_network: bool) -> Sequence[Timed]:
        family = [one for one in self.timed if one.family == config.family]
        training = config.unsmoothed().hash()
        same = [one for one in family if one.training == training]
        return same or family or [one for one in self.timed if one.is_network and is_network]

    def _measured(self, config: FamilyConfig, macs: int | None) -> list[Timed]:
        seconds = self.measure(config)
        if seconds is None:
            return []
        work = self.extent.work(config.family, macs, self.measured_on)
        self.timed.append(
            Timed(config.family, config.unsmoothed().hash(), macs is not None, seconds / self.max_epochs / work)
        )
        return self.timed[-1:]


def _training(config: Mapping[str, Any]) -> str:
    return config_from(config).unsmoothed().hash()


def _of_trials(extent: Extent, trials: Iterable[TrialState], n_train: int) -> Iterator[Timed]:
    for trial in trials:
        if trial.reports:
            work = extent.work(trial.family, trial.macs, n_train)
            yield Timed(trial.family, _training(trial.config), trial.macs is not None, trial.seconds_per_epoch / work)


def _of_refits(extent: Extent, refits: Iterable[Refit]) -> Iterator[Timed]:
    for event in refits:
        if FAMILIES[event.family].kind == "ensemble":  # its seconds are those of several families
            continue
        if event.epochs and event.fit_seconds is not None and event.labels_train and event.acquisition is None:
            work = extent.work(event.family, event.macs, event.labels_train) * event.epochs
            yield Timed(event.family, _training(event.config), event.macs is not None, event.fit_seconds / work)

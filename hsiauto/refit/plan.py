"""Which refits, in which order: under a deadline the first ones are those without which a table says nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, Literal

from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.families.base import FamilyConfig
from hsiauto.space import SceneSize, fit_preset
from hsiauto.training.active.recipe import ActiveLabels

REFERENCES = ("coordinate_1nn", "majority")
SCEPTICS = ("cnn2d", "forest")
"""Families whose presets stand on every leaderboard, searched or not."""


@dataclass(frozen=True)
class Training:
    """One config trained on what may be labelled of a split, and scored once on its test pixels."""

    kind: Literal["refit", "baseline"]
    config: FamilyConfig
    seed: int
    split_seed: int
    trial_id: str | None = None
    rank: int | None = None
    """None: chosen for comparison."""
    labels: ActiveLabels | None = None
    """How the labels of the pool are asked for; None: all are known."""
    cell: Mapping[str, Any] | None = None
    """Axis -> value of an ablation's cell."""
    what: str = ""
    """Identifies what is trained; empty: the config and its labels do."""

    @property
    def key(self) -> str:
        """What was trained on what: the same key is the same model, and is scored once."""
        labels = f"/{self.labels.name}" if self.labels else ""
        what = self.what or f"{self.config.family}-{self.config.hash()}{labels}"
        return f"split-{self.split_seed}/{what}/seed-{self.seed}"


def baselines(scene: SceneSize, but: Iterable[Training], seed: int, split_seed: int) -> list[Training]:
    """The sceptic's presets, clipped to the scene, without those that are refitted already or cannot be clipped."""
    known, presets = {training.config.hash() for training in but}, list[FamilyConfig]()
    for name in SCEPTICS:
        with suppress(UserError):  # a buffer too narrow for any window
            presets.append(fit_preset(FAMILIES[name].preset("paper"), scene))
    return [Training("baseline", config, seed, split_seed) for config in presets if config.hash() not in known]


def for_run(
    chosen: Sequence[Training],
    sceptics: Sequence[Training],
    winner_seeds: Sequence[int],
    other_seeds: Sequence[int],
    split_seed: int,
    further_split_seeds: Sequence[int],
    seconds: Callable[[FamilyConfig], float],
) -> tuple[list[Training], list[Training]]:
    """The refits of a run, those first without which its table says nothing; of those that tell as much the cheapest.

    First: references; the winner (`chosen[0]`) once, without which nothing is exported; each other config and each
    classical baseline once. The rest: the winner's other seeds, taking turns with its further splits; each other
    baseline once; then the other seeds of all others. `seconds`: of a training, infinite if not known.
    """
    winner = _seeds(chosen[0], winner_seeds, split_seed) if chosen else []
    further = [replace(winner[0], split_seed=seed) for seed in further_split_seeds] if winner else []
    others = sorted((*chosen[1:], *sceptics), key=lambda training: seconds(training.config))
    seeds = [_seeds(training, other_seeds, split_seed) for training in others]
    once = [group[0] for group in seeds]
    early = [one for one in once if one.kind == "refit" or one.config.kind == "classical"]
    late = [one for one in once if one not in early]
    turns = [*zip_longest(winner[1:], further), late, *zip(*(group[1:] for group in seeds), strict=True)]
    rest = [training for turn in turns for training in turn if training is not None]
    return [*_references(other_seeds[0], split_seed), *winner[:1], *early], rest


def for_split(chosen: Sequence[Training], seeds: Sequence[int], split_seed: int) -> list[Training]:
    """References once, then every config with the first seed, then with the next."""
    groups = [_seeds(one, seeds, split_seed) for one in chosen]
    return [*_references(seeds[0], split_seed), *(training for turn in zip(*groups, strict=True) for training in turn)]


def with_asked_labels(planned: Sequence[Training], labels: ActiveLabels, control: bool) -> list[Training]:
    """`planned` on as many labels as `labels` asks for; with `control` each ranked one with random acquisition too.

    References learn from random labels: positions and class frequencies have no doubts to choose by.
    """
    at_random = labels.model_copy(update={"acquisition": "random"})
    asked: list[Training] = []
    for training in planned:
        asked.append(replace(training, labels=at_random if training.config.kind == "reference" else labels))
        if control and training.rank is not None and labels != at_random:
            asked.append(replace(training, kind="baseline", rank=None, labels=at_random))
    return asked


def _seeds(training: Training, seeds: Sequence[int], split_seed: int) -> list[Training]:
    return [replace(training, seed=seed, split_seed=split_seed) for seed in seeds]


def _references(seed: int, split_seed: int) -> list[Training]:
    return [Training("baseline", FAMILIES[name].preset("paper"), seed, split_seed) for name in REFERENCES]

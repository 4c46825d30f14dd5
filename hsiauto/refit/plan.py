"""Which refits, in which order: under a deadline the first ones are those without which a table says nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Literal

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


@dataclass(frozen=True)
class Chosen:
    """A config to refit. `rank` None: chosen for comparison."""

    config: FamilyConfig
    trial_id: str | None = None
    rank: int | None = None


def baselines(scene: SceneSize, but: Iterable[FamilyConfig]) -> list[Chosen]:
    """The sceptic's presets, clipped to the scene, without those that are refitted already."""
    known = {config.hash() for config in but}
    presets = [fit_preset(FAMILIES[name].preset("paper"), scene) for name in SCEPTICS]
    return [Chosen(config) for config in presets if config.hash() not in known]


def for_study(
    chosen: Sequence[Chosen],
    sceptics: Sequence[Chosen],
    winner_seeds: Sequence[int],
    other_seeds: Sequence[int],
    split_seed: int,
    further_split_seeds: Sequence[int],
) -> list[Training]:
    """The refits of a study, the most telling first.

    References; the winner (`chosen[0]`) once, each baseline once, each other candidate once; the winner's other seeds,
    taking turns with its further splits; then the other seeds of all others.
    """
    winner = _seeds("refit", chosen[0], winner_seeds, split_seed) if chosen else []
    others = [_seeds("baseline", one, other_seeds, split_seed) for one in sceptics]
    others += [_seeds("refit", one, other_seeds, split_seed) for one in chosen[1:]]
    further = [replace(winner[0], split_seed=seed) for seed in further_split_seeds] if winner else []
    turns = chain(zip_longest(winner[1:], further), zip(*(group[1:] for group in others), strict=True))
    first = [*winner[:1], *(group[0] for group in others)]
    rest = [refit for turn in turns for refit in turn if refit is not None]
    return [*_references(other_seeds[0], split_seed), *first, *rest]


def for_split(
    chosen: Sequence[Chosen], sceptics: Sequence[Chosen], seeds: Sequence[int], split_seed: int
) -> list[Training]:
    """References once, then every config with the first seed, then with the next."""
    groups = [_seeds("refit", one, seeds, split_seed) for one in chosen]
    groups += [_seeds("baseline", one, seeds, split_seed) for one in sceptics]
    return [*_references(seeds[0], split_seed), *(refit for turn in zip(*groups, strict=True) for refit in turn)]


def with_asked_labels(planned: Sequence[Training], labels: ActiveLabels, control: bool) -> list[Training]:
    """`planned` on as many labels as `labels` asks for; with `control` each ranked one with random acquisition too.

    References learn from random labels: positions and class frequencies have no doubts to choose by.
    """
    at_random = labels.model_copy(update={"acquisition": "random"})
    asked: list[Training] = []
    for refit in planned:
        asked.append(replace(refit, labels=at_random if refit.config.kind == "reference" else labels))
        if control and refit.rank is not None and labels != at_random:
            asked.append(replace(refit, kind="baseline", rank=None, labels=at_random))
    return asked


def _seeds(kind: Literal["refit", "baseline"], one: Chosen, seeds: Sequence[int], split_seed: int) -> list[Training]:
    return [Training(kind, one.config, seed, split_seed, one.trial_id, one.rank) for seed in seeds]


def _references(seed: int, split_seed: int) -> list[Training]:
    return [Training("baseline", FAMILIES[name].preset("paper"), seed, split_seed) for name in REFERENCES]

"""ActiveLabels: how labels are asked for. Recipes: the two that CPDGAL publishes.

Source: CPDGAL (ICCV workshops 2025), experimental settings. Where each cycle asks for a share of what remains,
n (1 - i) (1 - a)^c pixels are unlabelled after c cycles. From 5 % of a 10 % pool by 2 % x 30: 494 labels, 4.8 % of
Indian Pines (published: 4.7 %). The Salinas recipe: 743 labels, 1.37 % (published: about 1 %).

| symbol | name |
|---|---|
| n | pixels of the pool |
| i, a, c | initial, acquire, cycle |
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from hsiauto.errors import UserError
from hsiauto.settings import MOST_PIXELS, MOST_REPEATS, Setting, Settings

Acquisition = Literal["margin", "entropy", "random"]


_GROUP, _TRAIN = "Labels (active learning)", ("train",)


class ActiveLabels(Settings):
    """Start with some labels of the pool; in each cycle ask for more and go on training."""

    initial: Annotated[float, Field(gt=0, le=1), Setting(_GROUP, _TRAIN)] = 0.05
    """Share of the pool that is labelled before the first training."""
    acquire: Annotated[float, Field(gt=0, le=1), Setting(_GROUP, _TRAIN)] = 0.02
    """Share of what is still unlabelled that a cycle asks for; at least one pixel."""
    cycles: Annotated[int, Field(ge=0, le=MOST_REPEATS), Setting(_GROUP, _TRAIN)] = 30
    """Rounds of asking. There is one training more, on the initial labels."""
    budget: Annotated[
        int | None,
        Field(ge=1, le=MOST_PIXELS),
        Setting(_GROUP, _TRAIN, name="label-budget", default="what the cycles ask for"),
    ] = None
    """Labels in all, at most."""
    acquisition: Annotated[Acquisition, Setting(_GROUP, _TRAIN)] = "margin"
    """Which pixels: the smallest P(top) - P(`margin_rank`-th), the largest entropy, or random ones (the control)."""
    margin_rank: Annotated[int, Field(ge=2, le=1000), Setting(_GROUP, _TRAIN)] = 3
    """k of the margin; the paper's is 3, the usual margin sampling has 2."""

    @property
    def name(self) -> str:
        """`margin-3`, `entropy` or `random`: for tables and figures."""
        return f"margin-{self.margin_rank}" if self.acquisition == "margin" else self.acquisition

    def plan(self, n_pool: int, n_classes: int) -> tuple[int, ...]:
        """Labels that each training has, the one on the initial labels first.

        Shares of the pool are rounded once, from the closed form, so that rounding does not add up over the cycles.
        The initial labels hold a pixel of each class. It ends early where the budget or the pool is spent.

        Raises UserError: a margin between classes that the scene has not; a budget below the initial labels.
        """
        if self.acquisition == "margin" and self.margin_rank > n_classes:
            raise UserError(
                f"the margin is between two of the {n_classes} classes of the scene",
                f"`margin_rank` {self.margin_rank}",
                f"Use `margin_rank` {n_classes} or less.",
            )
        start = min(n_pool, max(n_classes, _round(self.initial * n_pool)))
        most = n_pool if self.budget is None else min(n_pool, self.budget)
        if most < start:
            raise UserError(
                f"`label_budget` covers the initial labels: {start} of {n_pool} pixels",
                self.budget,
                f"Allow {start} or more, or lower `initial` (each of the {n_classes} classes starts with one).",
            )
        labels = [start]
        while len(labels) <= self.cycles and labels[-1] < most:
            unlabelled = (n_pool - start) * (1 - self.acquire) ** len(labels)
            labels.append(min(most, max(labels[-1] + 1, _round(n_pool - unlabelled))))
        return tuple(labels)


@dataclass(frozen=True)
class Recipe:
    """A published setting: what `--recipe` stands for."""

    labels: ActiveLabels
    pool: float
    """Share of the labelled pixels that are the pool: drawn at random, stratified."""
    max_epochs: int
    """Epochs of each training."""
    meaning: str


RECIPES: Mapping[str, Recipe] = {
    "cpdgal-indian-pines": Recipe(
        ActiveLabels(initial=0.05, acquire=0.02, cycles=30),
        pool=0.10,
        max_epochs=200,
        meaning="CPDGAL on Indian Pines and Botswana: 5 % of a 10 % pool, 2 % of the rest x 30, 200 epochs each",
    ),
    "cpdgal-salinas": Recipe(
        ActiveLabels(initial=0.10, acquire=0.10, cycles=10),
        pool=0.02,
        max_epochs=50,
        meaning="CPDGAL on Salinas: 10 % of a 2 % pool, 10 % of the rest x 10, 50 epochs each",
    ),
}


def _round(value: float) -> int:
    return math.floor(value + 0.5)

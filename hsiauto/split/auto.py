"""Automatic block and buffer, and the buffer of groups: the widest that the label map bears.

Pixels that a user maps lie far from the nearest label, and models are told apart only beyond their own windows: so the
ladder begins with large blocks and a wide buffer, and goes down where a scene would lose its classes. Every rung is
judged over the same few draws, never the split's own, and without a label budget: one scene, one choice.
"""

from dataclasses import dataclass
from statistics import fmean

import numpy as np

from hsiauto.split import blocks
from hsiauto.split.budget import Labels
from hsiauto.split.model import SplitSpec, Squares
from hsiauto.split.regions import Regions, regions_of

LADDER = (Squares(32, 16), Squares(32, 12), Squares(16, 12), Squares(16, 8), Squares(16, 5))
LEAST_BLOCKS = 20
"""With labelled pixels: every split seed of a scene of fewer draws much the same blocks again. Groups are as many as
they are."""
LEAST_CLASSES = 0.8
"""Of those that stand in two blocks or more, on both sides."""
LEAST_VALIDATED = 0.75
"""Of these, in a validation fold."""
LEAST_LABELS = 0.25
"""Of all labelled pixels, in the pool."""
LEAST_TRAINING = 0.15
"""Of all labelled pixels, beside a validation fold: what a trial trains on."""
_DRAWS = 5


@dataclass(frozen=True)
class Rung:
    """What a split with this block and buffer keeps, as means over draws."""

    squares: Squares
    blocks: int
    """Blocks or groups with labelled pixels; of `fixed`, of the train map."""
    classes: int
    """Classes that stand in two of them or more; of `fixed`, in the train map."""
    scored: float
    """Of these, classes on both sides."""
    validated: float
    """Of the scored ones, classes in a validation fold."""
    labels: float
    """Share of the labelled pixels in the pool."""
    training: float
    """Share of the labelled pixels that train beside a validation fold."""

    @property
    def fits(self) -> bool:
        """Whether enough is kept."""
        return bool(
            (self.blocks >= LEAST_BLOCKS or not self.squares.block_size)
            and self.scored >= LEAST_CLASSES * self.classes
            and self.validated >= LEAST_VALIDATED * self.scored > 0
            and self.labels >= LEAST_LABELS
            and self.training >= LEAST_TRAINING
        )


@dataclass(frozen=True)
class Choice:
    """The rung that was chosen, and what those that were judged would have kept."""

    chosen: Rung
    rungs: tuple[Rung, ...]
    automatic: tuple[str, ...]
    """Of block_size and buffer, those that were."""

    def __str__(self) -> str:
        rung, what = self.chosen, " and ".join(name.replace("_", " ") for name in self.automatic)
        size, buffer = rung.squares
        held = f"blocks of {size}" if size else f"{rung.blocks} groups"
        kept = (
            f"{rung.scored:.3g} of {rung.classes} classes on both sides, {rung.validated:.3g} of them validated, "
            f"{100 * rung.labels:.0f} % of the labels on the training side"
        )
        if rung.fits:
            return f"{held} and a buffer of {buffer} ({what} automatic) keep {kept}"
        return (
            f"no {what} of the ladder keeps enough of this label map; with {held} and a buffer of {buffer}, "
            f"the last, it is {kept}"
        )


def choose(labels: Labels, spec: SplitSpec, groups: Labels | None = None, every: bool = False) -> Choice | None:
    """The first rung that keeps enough of `labels` (H, W), else the last; None if nothing is automatic.

    A number that was given stands in every rung. labels: of `fixed` those of the train map, blocks of which validate.
    groups (H, W): for `groups`.
    every: judge the rungs below the chosen one too.
    """
    given = {"block_size": 0 if spec.by_groups else spec.block_size, "buffer": spec.buffer}
    automatic = tuple(name for name, value in given.items() if value == "auto")
    if not automatic or spec.protocol in ("random", "spectra"):
        return None
    asked = (rung._replace(**{name: n for name, n in given.items() if n != "auto"}) for rung in LADDER)
    rungs: list[Rung] = []
    for squares in dict.fromkeys(asked):
        if every or not any(rung.fits for rung in rungs):
            rungs.append(_judged(labels, spec, squares, groups))
    return Choice(next((rung for rung in rungs if rung.fits), rungs[-1]), tuple(rungs), automatic)


def _judged(labels: Labels, spec: SplitSpec, squares: Squares, groups: Labels | None) -> Rung:
    tried = spec.model_copy(update={**squares._asdict(), "train_fraction": None, "train_per_class": None})
    regions = regions_of(labels.shape, tried, groups)
    standing = np.unique(np.stack([labels[labels > 0], regions.ids[labels > 0]]), axis=1)
    possible = np.flatnonzero(np.bincount(standing[0]) >= (2 if spec.keeps_apart else 1))
    draws = [_draw(labels, tried, regions, draw) for draw in range(_DRAWS)]
    scored, validated, pool, train = (fmean(column) for column in zip(*draws, strict=True))
    n_regions, n_labelled = len(np.unique(standing[1])), max(1, int(np.count_nonzero(labels)))
    return Rung(squares, n_regions, len(possible), scored, validated, pool / n_labelled, train / n_labelled)


def _draw(labels: Labels, spec: SplitSpec, regions: Regions, draw: int) -> tuple[int, int, int, int]:
    """Classes scored, classes validated, pixels in the pool and in training of one draw."""
    rng, pool = np.random.default_rng([draw]), labels > 0
    scored = np.unique(labels[pool])
    if spec.keeps_apart:
        sides = blocks.divide(labels, spec, regions, rng, rng)
        scored = np.intersect1d(labels[sides.pool], labels[sides.test])
        pool = sides.pool & np.isin(labels, scored)
    if not pool.any():
        return 0, 0, 0, 0
    train, val = blocks.carve(np.where(pool, labels, 0), spec, regions, rng)
    return len(scored), len(np.unique(labels[val])), int(np.count_nonzero(pool)), int(np.count_nonzero(train))

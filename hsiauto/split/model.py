"""SplitSpec: how to divide the labelled pixels. Split: the pixels, divided."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Pixels = npt.NDArray[np.int64]
"""Sorted flat indices, row * width + column."""

Mask = npt.NDArray[np.bool_]
"""(H, W)."""


class SplitSpec(BaseModel):
    """How labelled pixels become train, validation and test. PROTOCOL: see README, "Evaluation"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["blocks", "random", "fixed"] = "blocks"
    seed: int = Field(default=0, ge=0)
    train_fraction: float | None = Field(default=None, gt=0, lt=1)
    """Share of all labelled pixels that may be used as labels (training + validation). None: `random` takes 0.10,
    `blocks` and `fixed` the whole training side."""
    train_per_class: int | None = Field(default=None, ge=1)
    """The same budget as a number per class. Excludes `train_fraction`."""
    test_fraction: float = Field(default=0.20, gt=0, lt=1)
    """Share of the blocks that are test (`blocks` only)."""
    val_fraction: float = Field(default=0.25, gt=0, lt=1)
    """Share of the training pool that validates: of its pixels (`random`), of its blocks (`blocks`, `fixed`)."""
    block_size: int = Field(default=16, ge=2)
    """Side of a block in pixels (`blocks`; `fixed` for its validation)."""
    buffer: int = Field(default=5, ge=0)
    """Chebyshev distance in pixels; training pixels this near to a test pixel (`blocks`) or to a validation pixel
    (`blocks`, `fixed`) are dropped."""
    buffer_auto: bool = False
    """Set by the user instead of `buffer`; a search puts twice the largest support of its space into `buffer`, a study
    that of its cells."""
    train_map: Path | None = None
    test_map: Path | None = None
    """Label maps of the `fixed` protocol."""
    drop_conflicts: bool = False
    """`fixed`: drop pixels that contradict the ground truth or lie outside it, instead of an error."""


@dataclass(frozen=True)
class Split:
    """The labelled pixels of a scene, divided. Holds positions, never a label.

    Two splits are equal when spec, shape, classes, left_out and hash are; the hash stands for the sets.
    """

    spec: SplitSpec
    shape: tuple[int, int]
    train: Pixels = field(compare=False)
    val: Pixels = field(compare=False)
    pool: Pixels = field(compare=False)
    """Everything that may be labelled for training: train, val and what the buffer between them takes out. A refit
    trains on it."""
    test: Pixels = field(compare=False)
    classes: tuple[int, ...]
    """Classes (1-based) that are scored: at least one pixel in train and one in test."""
    left_out: tuple[tuple[int, str], ...]
    """(class, reason) for each class that is not scored; its pixels are in none of the sets."""
    hash: str
    """sha256 of the sets and the classes, 16 hex digits."""


@dataclass(frozen=True)
class Sides:
    """Labelled pixels that may train and those that test, disjoint."""

    pool: Mask
    test: Mask
    rest: str
    """What happened to labelled pixels on neither side, in words that follow their number."""

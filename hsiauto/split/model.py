"""SplitSpec: how to divide the labelled pixels. Split: the pixels, divided."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Pixels = npt.NDArray[np.int64]
"""Sorted flat indices, row * width + column."""


class SplitSpec(BaseModel):
    """How labelled pixels become train, validation and test. PROTOCOL: see README, "Evaluation"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protocol: Literal["blocks", "random", "fixed"] = "blocks"
    seed: int = Field(0, ge=0)
    train_fraction: float | None = Field(None, gt=0, lt=1)
    """Share of all labelled pixels that may be used as labels (training + validation). None: `random` takes 0.10,
    `blocks` and `fixed` the whole training side."""
    train_per_class: int | None = Field(None, ge=1)
    """The same budget as a number per class. Excludes `train_fraction`."""
    test_fraction: float = Field(0.20, gt=0, lt=1)
    """Share of the blocks that are test (`blocks` only)."""
    val_fraction: float = Field(0.25, gt=0, lt=1)
    """Share of the training pool that validates."""
    block_size: int = Field(16, ge=2)
    """Side of a block in pixels."""
    buffer: int = Field(5, ge=0)
    """Chebyshev distance in pixels; training pixels this near to a test pixel are dropped (`blocks` only)."""
    train_map: Path | None = None
    test_map: Path | None = None
    """Label maps of the `fixed` protocol."""
    drop_conflicts: bool = False
    """`fixed`: drop pixels that contradict the ground truth or lie outside it, instead of an error."""


@dataclass(frozen=True)
class Split:
    """The labelled pixels of a scene, divided. Holds positions, never a label."""

    spec: SplitSpec
    shape: tuple[int, int]
    train: Pixels
    val: Pixels
    pool: Pixels
    """Everything that may be labelled for training: train, val and what the buffer between them takes out. A refit
    trains on it."""
    test: Pixels
    classes: tuple[int, ...]
    """Classes (1-based) that are scored: at least one pixel in train and one in test."""
    left_out: tuple[tuple[int, str], ...]
    """(class, reason) for each class that is not scored; its pixels are in none of the sets."""
    hash: str
    """sha256 of the sets and the classes, 16 hex digits."""

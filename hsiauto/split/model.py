"""SplitSpec: how to divide the labelled pixels. Split: the pixels, divided. Sides: those that may train and test."""

from dataclasses import dataclass, field
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from hsiauto.scene.model import Part
from hsiauto.settings import MOST_PIXELS, AbsolutePath, Seed, Setting, Settings

Pixels = npt.NDArray[np.int64]
"""Sorted flat indices, row * width + column."""

Mask = npt.NDArray[np.bool_]
"""(H, W)."""


class Squares(NamedTuple):
    """Side of a block, and the buffer around held ones, in pixels."""

    block_size: int
    """0 if whole groups are held, whatever their size."""
    buffer: int


_HELD = ("blocks", "groups")
"""Protocols that hold whole regions out, with a buffer between test and training."""
_GROUP, _COMMANDS = "Evaluation protocol", ("search", "train", "study", "estimate", "split")


class SplitSpec(Settings):
    """The rule by which labelled pixels become train, validation and test."""

    protocol: Annotated[
        Literal["blocks", "groups", "random", "fixed", "scenes", "spectra"],
        Setting(_GROUP, _COMMANDS, default="groups if the labels have them, else blocks"),
    ] = "blocks"
    """blocks (spatially disjoint, with a buffer), groups (whole fields, with a buffer), random (as in most papers),
    fixed (two label maps), scenes (each of several scenes is held out once) or spectra (loose ones, whole groups)."""
    seed: Annotated[Seed, Setting(_GROUP, _COMMANDS, name="split-seed")] = 0
    """Seed of the split; of scenes, which is held out."""
    test_scene: Annotated[str | None, Setting(_GROUP, _COMMANDS, default="each in turn", protocols=("scenes",))] = None
    """Name of the scene that is held out, and no other is (scenes)."""
    train_fraction: Annotated[
        float | None,
        Field(gt=0, lt=1),
        Setting(_GROUP, _COMMANDS, default="random: 0.1; else all on the training side"),
    ] = None
    """Share of the labels that training and validation may use."""
    train_per_class: Annotated[int | None, Field(ge=1, le=MOST_PIXELS), Setting(_GROUP, _COMMANDS)] = None
    """The same budget as a number per class; excludes `train_fraction`."""
    test_fraction: Annotated[float, Field(gt=0, lt=1), Setting(_GROUP, _COMMANDS, protocols=(*_HELD, "spectra"))] = 0.20
    """Share of the blocks or groups that are test (blocks, groups, spectra)."""
    val_fraction: Annotated[float, Field(gt=0, lt=1), Setting(_GROUP, _COMMANDS)] = 0.25
    """Share of the training pool that validates: of its pixels (random), of its blocks (blocks, fixed), of its groups
    (groups, spectra) or of its scenes (scenes)."""
    block_size: Annotated[
        Annotated[int, Field(ge=2, le=MOST_PIXELS)] | Literal["auto"],
        Setting(_GROUP, _COMMANDS, metavar="N|auto", protocols=("blocks", "fixed", "scenes")),
    ] = "auto"
    """Side of a block in pixels (blocks, and the validation of fixed, and of scenes if one trains). auto: with the
    buffer the first of (32, 16), (32, 12), (16, 12), (16, 8), (16, 5) that leaves enough classes and labels on the
    training side."""
    buffer: Annotated[
        Annotated[int, Field(ge=0, le=MOST_PIXELS)] | Literal["auto"],
        Setting(_GROUP, _COMMANDS, metavar="N|auto", protocols=(*_HELD, "fixed", "scenes")),
    ] = "auto"
    """Training pixels at most so many pixels (Chebyshev) from a test pixel (blocks, groups) or a validation pixel
    (blocks, groups, fixed) are dropped, and no window of a model reaches further (blocks, groups). auto: with the
    block, or for groups the first of 16, 12, 8, 5 that leaves as much."""
    train_map: Annotated[AbsolutePath | None, Setting(_GROUP, _COMMANDS)] = None
    """Label map of the training pixels (fixed)."""
    test_map: Annotated[AbsolutePath | None, Setting(_GROUP, _COMMANDS)] = None
    """Label map of the test pixels (fixed)."""
    drop_conflicts: Annotated[bool, Setting(_GROUP, _COMMANDS, protocols=("fixed",))] = False
    """Drop pixels of the maps that contradict the ground truth or lie outside it, instead of an error (fixed)."""

    @property
    def squares(self) -> Squares:
        """Block and buffer as numbers, if `has_squares`: `auto.choose` has settled automatic ones."""
        block_size, buffer = self._squares
        assert isinstance(block_size, int)
        assert isinstance(buffer, int)
        return Squares(block_size, buffer)

    @property
    def has_squares(self) -> bool:
        """Whether block and buffer are numbers, and act."""
        return self.protocol != "random" and "auto" not in self._squares

    @property
    def _squares(self) -> tuple[int | str, int | str]:
        return 0 if self.by_groups else self.block_size, self.buffer if self.has_places else 0

    @property
    def by_groups(self) -> bool:
        """Whether whole groups are held out."""
        return self.protocol in ("groups", "spectra")

    @property
    def has_places(self) -> bool:
        """Whether pixels stand where they stood on the ground: distances, neighbours and maps mean something."""
        return self.protocol != "spectra"

    @property
    def keeps_apart(self) -> bool:
        """Whether whole regions are held out, and windows end at the buffer around them; that of `spectra` is 0."""
        return self.protocol in (*_HELD, "spectra")


class HeldOut(NamedTuple):
    """The scene that tests under `scenes`."""

    scene: str
    in_turn: tuple[str, ...]
    """Those that are held out in turn, seed after seed."""
    whole: bool
    """Whether whole scenes validate; else blocks do."""
    reach: int
    """How far a window may read."""


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
    """Classes (1-based) that are scored: at least one pixel in train and one in test; of `scenes` all that train."""
    left_out: tuple[tuple[int, str], ...]
    """(class, reason) for each class that is not scored; its pixels are in none of the sets."""
    hash: str
    """sha256 of the sets, the classes and the squares, 16 hex digits."""
    parts: tuple[Part, ...] = ()
    """The scenes of a mosaic: between two of them there is no distance."""
    held_out: HeldOut | None = None

    @property
    def buffer(self) -> int | None:
        """The widest radius of a window that meets no training pixel around a test pixel, nor around a validation pixel
        one that it was fitted on: `blocks`, `groups`, `spectra` and `scenes` train nothing wider. None: the protocol
        keeps no distance."""
        if self.held_out is not None:
            return self.held_out.reach
        return self.spec.squares.buffer if self.spec.keeps_apart else None

    def further_seeds(self, n: int) -> list[int]:
        """Seeds of `n` other splits of these labels; of `scenes` those that hold each other scene out once, if any."""
        if self.spec.protocol == "fixed" or not n:
            return []
        n = n if self.held_out is None else len(self.held_out.in_turn) - 1
        return [self.spec.seed + 1 + i for i in range(n)]


@dataclass(frozen=True)
class Sides:
    """Labelled pixels that may train and those that test, disjoint."""

    pool: Mask
    test: Mask
    rest: str
    """Reason why labelled pixels are on neither side, in words that follow their number."""

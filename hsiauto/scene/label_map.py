"""A label map as stored -> the labels of a Scene: 0 = unlabelled, classes 1-based and contiguous."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.settings import LARGEST_LABEL

MAX_CLASSES = 1000
"""More distinct values than this are an elevation model or a band, not a label map."""


Background = int | Literal["none"]
_SMALLEST = 0.05
"""A share of pixels with 0 below this and above none is a margin, not a class."""
NO_VALUE = -(2**62)
"""Stands for unlabelled where every value may be a class."""
_UNLABELLED = re.compile(
    r"un-?(class|label|known|def)|back-?ground|no ?data|none|void|ignore|mask|other", re.IGNORECASE
)


@dataclass(frozen=True)
class LabelMap:
    """Labels ready for a Scene."""

    labels: npt.NDArray[np.int16]
    """(H, W)."""
    values: tuple[int, ...]
    """The value in the file of class 1, 2, ..."""
    notes: tuple[str, ...]


def plane(stored: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """(H, W) of an array that may carry a third axis of length one."""
    if stored.ndim == 2:
        return stored
    return stored.reshape([n for axis, n in enumerate(stored.shape) if axis != stored.shape.index(1)])


def label_map(
    stored: npt.NDArray[np.generic],
    ignore: Collection[int] = (),
    nodata: float | None = None,
    background: Background | None = None,
    zero_name: str | None = None,
) -> LabelMap:
    """Number the classes of an (H, W) map in the order of their values; `ignore` and `nodata` become unlabelled.

    `background` is the value that means unlabelled, none if no value does; not given, it is 0. Raises UserError if 0
    then looks like a class (another value is unlabelled, or the file names class 0, `zero_name`), on values that are no
    whole numbers, on negative labels, on too many distinct values, and on fewer than two classes.
    """
    fill = 0 if background is None else unlabelled_value(background)
    values, filled = whole_numbers(stored, nodata, fill)
    present, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    unlabelled = [fill, *ignore]
    notes = [f"`ignore_labels` {value}: no pixel has this label" for value in ignore if value and value not in present]
    kept = present[~np.isin(present, unlabelled)]
    if kept.size and kept[0] < 0:
        negative = ", ".join(map(str, kept[kept < 0][:5]))
        raise UserError(
            "labels must be 0 (unlabelled) or positive",
            negative,
            "If these mean 'unlabelled', set `background` to it or add them to `ignore_labels`",
        )
    if len(kept) > MAX_CLASSES:
        raise UserError(
            f"a label map has at most {MAX_CLASSES} classes",
            f"{len(kept)} distinct values",
            "Give a label map, not a band or an elevation model; see `labels_key`",
        )
    if len(kept) < 2:
        raise UserError(
            "a scene needs two classes or more",
            f"labels {', '.join(map(str, kept)) or 'all 0 or ignored'}",
            "Check the label map, `ignore_labels` and `background`",
        )
    if background is None and 0 not in ignore and (zeros := int(((values == 0) & ~filled).sum())):
        others = [str(value) for value in ignore if value in present]
        _check_zero([*others, *(["nodata"] if filled.any() else [])], zero_name)
        if _SMALLEST * values.size < zeros < counts[np.isin(present, kept)].max() and kept[0] == 1:
            notes.append(f"{zeros:,} pixels hold 0, taken as unlabelled; if that is a class, set `background` to none")
    numbers = np.where(np.isin(present, kept), np.searchsorted(kept, present) + 1, 0).astype(np.int16)
    return LabelMap(numbers[inverse.reshape(values.shape)], tuple(kept.tolist()), tuple(notes))


def unlabelled_value(background: Background | None) -> int:
    """The value that stands for unlabelled pixels once NaN and nodata are filled; no class has it."""
    return 0 if background is None else NO_VALUE if background == "none" else background


def _check_zero(others: list[str], zero_name: str | None) -> None:
    """Raise UserError if 0 looks like a class: something else is already unlabelled, or the file names it."""
    received = ""
    if others:
        received = f"0 beside {', '.join(others[:3])}, which is unlabelled too"
    elif zero_name and not _UNLABELLED.search(zero_name):
        received = f"0 named {zero_name!r} by the file"
    if received:
        raise UserError(
            "it must be clear whether 0 is a class",
            received,
            "Set `background` to 0 if it means unlabelled, to none if it is a class",
        )


def name_classes(values: tuple[int, ...], name_of: Callable[[int], str | None]) -> tuple[str, ...]:
    """The class names, `class <value>` if none is known."""
    return tuple(name_of(value) or f"class {value}" for value in values)


def whole_numbers(
    stored: npt.NDArray[np.generic], nodata: float | None, fill: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(the values as int64 with `fill` for NaN and `nodata`, where that was).

    Raises UserError for what is no whole number or beyond those that we hold: conversion would wrap it.
    """
    values = np.asarray(stored)
    filled = values == nodata if nodata is not None else np.zeros(values.shape, np.bool_)
    if values.dtype.kind == "f":
        filled |= np.isnan(values)
    values = np.where(filled, 0, values)
    beyond = ((values >= LARGEST_LABEL) | (values <= -LARGEST_LABEL)) & (values != fill)  # which `place` puts there
    if beyond.any():
        raise UserError(
            f"labels must lie within {LARGEST_LABEL:,}, up to which every number type holds them",
            values[beyond][0],
            "If it means unlabelled, give the file a nodata value, or write 0 there; else renumber the labels",
        )
    if values.dtype.kind == "f" and (odd := values[values != np.round(values)]).size:
        remedy = "Give a label map; see `labels_key`"
        if values.min() >= 0 and values.max() <= 1:
            remedy = "These look like abundances or probabilities: give the number of the largest at each pixel, from 1"
        raise UserError("labels must be whole numbers", odd[0], remedy)
    return np.where(filled, fill, values.astype(np.int64)), filled & (nodata != 0)

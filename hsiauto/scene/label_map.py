"""A label map as stored -> the labels of a Scene: 0 = unlabelled, classes 1-based and contiguous."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError

MAX_CLASSES = 1000
"""More distinct values than this are an elevation model or a band, not a label map."""


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


def label_map(stored: npt.NDArray[np.generic], ignore: Collection[int] = (), nodata: float | None = None) -> LabelMap:
    """Number the classes of an (H, W) map in the order of their values; `ignore` and `nodata` become unlabelled.

    Raises UserError on values that are no whole numbers, on negative labels, on too many distinct values, and on fewer
    than two classes.
    """
    values = whole_numbers(stored, nodata)
    present, inverse = np.unique(values, return_inverse=True)
    notes = [f"`ignore_labels` {value}: no pixel has this label" for value in ignore if value and value not in present]
    kept = present[~np.isin(present, [0, *ignore])]
    if kept.size and kept[0] < 0:
        negative = ", ".join(map(str, kept[kept < 0][:5]))
        raise UserError(
            "labels must be 0 (unlabelled) or positive",
            negative,
            "If these mean 'unlabelled', add them to `ignore_labels`",
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
            "Check the label map and `ignore_labels`",
        )
    numbers = np.where(np.isin(present, kept), np.searchsorted(kept, present) + 1, 0).astype(np.int16)
    return LabelMap(numbers[inverse.reshape(values.shape)], tuple(kept.tolist()), tuple(notes))


def name_classes(values: tuple[int, ...], name_of: Callable[[int], str | None]) -> tuple[str, ...]:
    """The class names, `class <value>` if none is known."""
    return tuple(name_of(value) or f"class {value}" for value in values)


def whole_numbers(stored: npt.NDArray[np.generic], nodata: float | None) -> npt.NDArray[np.int64]:
    """The values as int64; NaN and `nodata` become 0. Raises UserError if one is no whole number."""
    values = np.asarray(stored)
    unlabelled = values == nodata if nodata is not None else np.zeros(values.shape, np.bool_)
    if values.dtype.kind == "f":
        unlabelled |= ~np.isfinite(values)
    values = np.where(unlabelled, 0, values)
    if values.dtype.kind == "f" and (odd := values[values != np.round(values)]).size:
        raise UserError("labels must be whole numbers", odd[0], "Give a label map; see `labels_key`")
    return values.astype(np.int64)

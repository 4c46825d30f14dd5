"""Geometry lookup tables (GLT): from the image as a sensor took it to a grid on the ground, and back.

A scene stays in the sensor's geometry: on the ground's grid the nearest pixel stands several times, and one spectrum
could then lie on both sides of a split.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class GeometryLookup:
    """Which pixel of the sensor's image each cell of a map shows."""

    sensor: tuple[int, int]
    """H and W of the sensor's image."""
    pixel: npt.NDArray[np.int64]
    """(H', W'): flat index of the pixel at a cell of the map; -1: the sensor did not see it."""

    @classmethod
    def of_tables(
        cls, columns: npt.NDArray[np.generic], rows: npt.NDArray[np.generic], sensor: tuple[int, int]
    ) -> Self | None:
        """The lookup of two (H', W') tables that count from 1: 0 for nothing, negative where a neighbour stands in.

        None if they lead nowhere, or to pixels that the image does not have.
        """
        if rows.shape != columns.shape:
            return None
        row, column = (np.abs(np.nan_to_num(table).astype(np.int64)) for table in (rows, columns))
        seen = (row > 0) & (column > 0)
        if not seen.any() or row.max() > sensor[0] or column.max() > sensor[1]:
            return None
        return cls(sensor, np.where(seen, (row - 1) * sensor[1] + column - 1, -1))

    @property
    def shape(self) -> tuple[int, int]:
        """H' and W' of the map."""
        return self.pixel.shape[0], self.pixel.shape[1]

    def to_map(self, values: npt.NDArray[Any], fill: float) -> npt.NDArray[Any]:
        """(..., H, W) of the sensor's image -> (..., H', W'), `fill` where it did not see."""
        out = np.full((*values.shape[:-2], *self.shape), fill, values.dtype)
        seen = self.pixel >= 0
        out[..., seen] = values.reshape(*values.shape[:-2], -1)[..., self.pixel[seen]]
        return out

    def to_sensor(self, labels: npt.NDArray[np.generic], fill: int) -> tuple[npt.NDArray[np.generic], int]:
        """((H, W) labels of a map (H', W'), pixels that cells under several labels show); these get `fill`."""
        known = self.pixel >= 0
        known &= (labels != fill) & ~np.isnan(labels) if labels.dtype.kind == "f" else labels != fill
        last = self.last(labels, fill, known)
        torn = np.unique(self.pixel[known][last.ravel()[self.pixel[known]] != labels[known]])
        last.ravel()[torn] = fill
        return last, len(torn)

    def last(self, values: npt.NDArray[Any], fill: int, known: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[Any]:
        """(H, W) of (H', W'): the value of the last cell that shows a pixel, of those `known` that are not `fill`."""
        known = (self.pixel >= 0) & (values != fill) if known is None else known
        flat = np.full(self.sensor[0] * self.sensor[1], fill, np.result_type(values, np.int64))
        flat[self.pixel[known]] = values[known]
        return flat.reshape(self.sensor)

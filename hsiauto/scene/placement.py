"""Puts a label map onto a cube's grid, where both say where on the ground they lie."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.lookup import GeometryLookup
from hsiauto.scene.model import GeoReference

_SAME = 0.01
"""Grids that differ by less, in pixels, are one grid."""

Matrix = npt.NDArray[np.float64]


def place(
    labels_HW: npt.NDArray[np.generic],
    labels_geo: GeoReference | None,
    grid: tuple[int, int],
    geo: GeoReference | None,
    fill: int = 0,
) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """(the labels on the cube's `grid`, notes); `fill` stands at the edge pixels that the labels do not reach.

    Labels that cover the cube are cut to it, flipped or resampled to the nearest pixel; without two comparable
    references they come back as they are. A cube in the sensor's geometry takes labels of its own size, or those of its
    map through the lookup. Raises UserError for another CRS and for labels that do not cover the cube.
    """
    if geo is not None and geo.lookup is not None:
        return _through(geo.lookup, labels_HW, labels_geo, grid, replace(geo, lookup=None), fill)
    if geo is None or labels_geo is None or not _comparable(geo, labels_geo):
        one_sided = (geo is None) != (labels_geo is None)
        return labels_HW, ("labels and cube: only one has a geo reference, places not compared",) * one_sided
    _check_crs(geo, labels_geo, grid)
    to_labels = np.linalg.inv(_matrix(labels_geo)) @ _matrix(geo)
    height, width = labels_HW.shape
    corners = _apply(to_labels, np.array([0.0, 0, grid[1], grid[1]]), np.array([0.0, grid[0], 0, grid[0]]))
    _check_cover(corners, (height, width), to_labels, labels_geo)
    rows, columns = 0.5 + np.arange(grid[0], dtype=np.float64), 0.5 + np.arange(grid[1], dtype=np.float64)
    if np.abs([to_labels[0, 1], to_labels[1, 0]]).max() * max(grid) <= _SAME:  # not turned: rows and columns apart
        columns_at = np.floor(_apply(to_labels, columns, np.full_like(columns, grid[0] / 2))[0])[None, :]
        rows_at = np.floor(_apply(to_labels, np.full_like(rows, grid[1] / 2), rows)[1])[:, None]
    else:
        columns_at, rows_at = (np.floor(axis) for axis in _apply(to_labels, *np.meshgrid(columns, rows)))
    rows_at, columns_at = rows_at.astype(np.int64), columns_at.astype(np.int64)
    inside = (rows_at >= 0) & (rows_at < height) & (columns_at >= 0) & (columns_at < width)
    placed = labels_HW[np.clip(rows_at, 0, height - 1), np.clip(columns_at, 0, width - 1)]
    if not inside.all():
        placed = np.where(inside, placed, np.int64(fill))
    return placed, _notes(to_labels, corners, (height, width), grid)


def _through(
    lookup: GeometryLookup,
    labels_HW: npt.NDArray[np.generic],
    labels_geo: GeoReference | None,
    grid: tuple[int, int],
    geo: GeoReference,
    fill: int,
) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """Labels in the sensor's geometry: those of its size as they are, others by way of the map."""
    notes: tuple[str, ...] = ()
    if labels_geo is not None:
        labels_HW, notes = place(labels_HW, labels_geo, lookup.shape, geo, fill)
    elif labels_HW.shape == grid:
        return labels_HW, ("labels of the sensor's rows and columns, taken as they are",)
    if labels_HW.shape != lookup.shape:
        return labels_HW, notes
    labels_HW, torn = lookup.to_sensor(labels_HW, fill)
    notes += ("labels brought from the map to the sensor's rows and columns by the geometry lookup table",)
    split = f"{torn:,} of the sensor's pixels unlabelled: the cells of the map that show them have several labels"
    return labels_HW, notes + (split,) * (torn > 0)


def _comparable(one: GeoReference, other: GeoReference) -> bool:
    """Whether both name a place on Earth, or neither names more than a grid."""
    return _on_earth(one) == _on_earth(other)


def _on_earth(geo: GeoReference) -> bool:
    from rasterio.crs import CRS

    crs = CRS.from_wkt(geo.crs_wkt) if geo.crs_wkt else None
    return crs is not None and bool(crs.is_geographic or crs.is_projected)


def _check_crs(cube: GeoReference, labels: GeoReference, grid: tuple[int, int]) -> None:
    """Two names of one CRS put the cube's corners at the same place."""
    if cube.crs_wkt == labels.crs_wkt or not _on_earth(cube):
        return
    from rasterio.crs import CRS
    from rasterio.errors import RasterioError
    from rasterio.warp import transform

    one, other = CRS.from_wkt(cube.crs_wkt), CRS.from_wkt(labels.crs_wkt)
    matrix = _matrix(cube)
    x, y = _apply(matrix, np.array([0.0, grid[1]]), np.array([0.0, grid[0]]))
    try:
        there_x, there_y = transform(one, other, x.tolist(), y.tolist())
    except RasterioError:
        there_x, there_y = [np.inf], [np.inf]
    off = np.hypot(np.asarray(there_x) - x, np.asarray(there_y) - y).max()
    if not off <= 0.1 * np.hypot(*matrix[:2, 0]):
        raise UserError(
            "labels and cube must have one coordinate reference system",
            f"{_name(other)} and {_name(one)}",
            "Reproject the labels to the cube: gdalwarp -r near -t_srs",
        )


def _check_cover(
    corners: tuple[Matrix, Matrix], shape: tuple[int, int], to_labels: Matrix, labels: GeoReference
) -> None:
    """The cube may reach over the labels by a pixel of the coarser of the two grids."""
    room = max(1.0, float(np.abs(to_labels[:2, :2]).max())) + _SAME
    columns, rows = corners
    beyond = max(-columns.min(), columns.max() - shape[1], -rows.min(), rows.max() - shape[0])
    if beyond > room:
        size = float(np.hypot(*_matrix(labels)[:2, 0]))
        raise UserError(
            "labels must cover the cube",
            f"a map that ends {beyond:.0f} of its pixels ({beyond * size:g} units of its CRS) inside the cube",
            "Give the labels of this place, or cut the cube to them: gdalwarp -te",
        )


def _notes(
    to_labels: Matrix, corners: tuple[Matrix, Matrix], shape: tuple[int, int], grid: tuple[int, int]
) -> tuple[str, ...]:
    notes = []
    scale, shift = to_labels[:2, :2], np.concatenate([axis[:1] for axis in corners])
    whole = np.abs(shift - np.round(shift)).max() <= _SAME
    aligned = np.abs(np.abs(scale) - np.eye(2)).max() * max(grid) <= _SAME and whole
    if not aligned:
        notes.append("labels on another grid: each pixel of the cube takes the nearest label")
    if to_labels[0, 0] < 0 or to_labels[1, 1] < 0:
        notes.append("labels run in another direction than the cube: flipped by their geo reference")
    if aligned and shape != grid:
        notes.append(f"labels cover {shape[0]} x {shape[1]} pixels: the cube's {grid[0]} x {grid[1]} are taken of them")
    elif aligned and np.abs(shift - np.where(np.diag(scale) < 0, grid[::-1], 0)).max() > _SAME:
        notes.append("labels shifted by their geo reference")
    return tuple(notes)


def _matrix(geo: GeoReference) -> Matrix:
    return np.array([geo.transform[:3], geo.transform[3:], (0, 0, 1)], np.float64)


def _apply(matrix: Matrix, x: Matrix, y: Matrix) -> tuple[Matrix, Matrix]:
    return matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2], matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2]


def _name(crs: object) -> str:
    return str(crs)[:60]

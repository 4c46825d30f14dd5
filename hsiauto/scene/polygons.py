"""Burns polygons or points with a class into a cube's grid: its label map, and the group of each pixel."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.class_field import class_numbers, ranked
from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers import vector
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.readers.vector import Layer, Places
from hsiauto.scene.source import SceneSource

Grid = tuple[int, int]
Shapes = list[list[list[Places]]]
"""As of a Layer, in columns and rows of the grid, from its corner."""


def read(path: Path, cube: Stored, source: SceneSource) -> tuple[Stored, npt.NDArray[np.int64]]:
    """`label_map_of` the file at `path`, as `source` says. Raises UserError like that, and for what is no such file."""
    asked = source.label_field or ""
    layer = vector.read(path, source.label_layer, [asked, *filter(None, [source.group_field])])
    return label_map_of(layer, cube, asked, source.group_field, source.all_touched)


def label_map_of(
    layer: Layer, cube: Stored, label_field: str, group_field: str | None = None, all_touched: bool = False
) -> tuple[Stored, npt.NDArray[np.int64]]:
    """(the labels on the grid of `cube`, (H, W) the group of each pixel, 0 = none).

    A pixel belongs to the polygon that holds its centre, with `all_touched` to what touches it; where classes meet it
    is unlabelled. Whole numbers are labels as they are; other values are names, numbered in their order from 1. A group
    is a polygon, or those with one value of `group_field`. Raises UserError for a cube without a place on Earth, places
    that are not of their CRS, a layer that labels no pixel, and fewer than two classes on the cube.
    """
    what = "points" if layer.points else "polygons"
    if cube.geo is None or not cube.geo.crs_wkt:
        remedy = "Give the cube its coordinate reference system, e.g. with gdal_edit -a_srs, or rasterise the labels"
        raise UserError(f"{what} need a cube that says where on Earth it lies", "one without", remedy)
    lookup = cube.geo.lookup
    grid = (cube.array.shape[0], cube.array.shape[1]) if lookup is None else lookup.shape
    values, names = class_numbers(layer.fields[label_field], label_field)
    shapes = _on_grid(layer, cube.geo)
    inside = [place for place, parts in enumerate(shapes) if _meets(parts, grid)]
    if not inside:
        raise UserError(f"{what} must lie on the cube", _where(layer, shapes, grid), "Give those of this place")
    by_class = sorted(inside, key=values.__getitem__)
    last, first = (_burnt(shapes, order, grid, layer.points, all_touched) for order in (by_class, by_class[::-1]))
    labelled = (last > 0) & (values[first - 1] == values[last - 1])
    _require_classes(values[last[labelled] - 1], names, f"{what} of {layer.name}")
    idle, between = len(inside) - np.count_nonzero(np.unique([first, last])), np.count_nonzero((last > 0) & ~labelled)
    notes = (
        (layer.without, "features without a geometry, left out"),
        (len(shapes) - len(inside), f"{what} outside the cube"),
        (idle, f"{what} that label no pixel, as they hold no pixel's centre (see `all_touched`) or lie under others"),
        (between, f"pixels in {what} of different classes, which makes them unlabelled"),
    )
    groups = np.arange(len(shapes)) + 1
    if group_field is not None:
        groups = ranked(map(str, layer.fields[group_field]))[0]
    stored = Stored(
        np.where(labelled, values[last - 1], 0),
        axes_known=True,
        mask=labelled,
        geo=cube.geo,
        class_names=names or ("class 0",),  # somebody drew it: whether 0 is a class is asked
        notes=(f"{what}: {len(shapes):,}", *(f"{told}: {n:,}" for n, told in notes if n)),
    )
    grouped = np.where(labelled, groups[last - 1], 0)
    return stored, grouped if lookup is None else lookup.last(grouped, 0)  # `place` brings the labels there


def _on_grid(layer: Layer, geo: GeoReference) -> Shapes:
    from rasterio import Env
    from rasterio._err import CPLE_BaseError
    from rasterio.crs import CRS
    from rasterio.errors import CRSError, RasterioError
    from rasterio.warp import transform

    rings = [ring for parts in layer.shapes for part in parts for ring in part]
    x, y = np.concatenate(rings).T
    try:
        with Env():  # else GDAL prints by itself
            moved = transform(CRS.from_user_input(layer.crs), CRS.from_wkt(geo.crs_wkt), x.tolist(), y.tolist())
    except (RasterioError, CRSError, CPLE_BaseError) as error:
        remedy = "Export the layer with the coordinate reference system that its coordinates are in"
        raise UserError(f"the places of {layer.name} must be those of {layer.crs}", error, remedy) from error
    matrix = np.array([geo.transform[:3], geo.transform[3:], (0, 0, 1)])
    columns_rows = np.linalg.solve(matrix, np.stack([*np.array(moved[:2]), np.ones_like(x)]))[:2].T
    on_grid = iter(np.split(columns_rows, np.cumsum([len(ring) for ring in rings[:-1]])))
    return [[[next(on_grid) for _ in part] for part in parts] for parts in layer.shapes]


def _meets(parts: list[list[Places]], grid: Grid) -> bool:
    """Whether the box around a feature meets the grid."""
    places = np.concatenate([ring for part in parts for ring in part])
    return bool((places.max(axis=0) >= 0).all() and (places.min(axis=0) < grid[::-1]).all())


def _where(layer: Layer, shapes: Shapes, grid: Grid) -> str:
    places = np.concatenate([ring for parts in shapes for part in parts for ring in part])
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    return (
        f"all of {layer.name} outside: at columns {left:,.0f} to {right:,.0f} and rows {top:,.0f} to {bottom:,.0f} of "
        f"{grid[1]} x {grid[0]}"
    )


def _burnt(shapes: Shapes, order: Iterable[int], grid: Grid, points: bool, all_touched: bool) -> npt.NDArray[np.int32]:
    """(H, W) one more than the place of the feature that comes last in `order` at each pixel; 0 = none."""
    from rasterio.features import rasterize

    def geometry(parts: list[list[Places]]) -> dict[str, Any]:
        if points:
            return {"type": "MultiPoint", "coordinates": np.concatenate([*map(np.concatenate, parts)]).tolist()}
        return {"type": "MultiPolygon", "coordinates": [[ring.tolist() for ring in part] for part in parts]}

    numbered = [(geometry(shapes[place]), place + 1) for place in order]
    burnt: npt.NDArray[np.int32] = rasterize(numbered, out_shape=grid, dtype="int32", all_touched=all_touched)
    return burnt


def _require_classes(labels: npt.NDArray[np.int64], names: tuple[str, ...] | None, of: str) -> None:
    present = np.unique(labels).tolist()
    if not present:
        remedy = "Larger ones, or `all_touched`"
        raise UserError(f"the {of} must hold the centres of pixels", "none that does", remedy)
    if len(present) < 2:
        one = str(present[0]) if names is None else names[present[0]]
        raise UserError(f"the {of} must be of two classes or more on the cube", f"{one} alone", "Check `label_field`")

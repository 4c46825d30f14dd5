"""The classes of a map as polygons in a GeoPackage."""

import struct
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.features import shapes, sieve
from rasterio.transform import Affine

from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.models.predict import Prediction
from hsiauto.report.legend import Legend
from hsiauto.report.maps import on_the_map
from hsiauto.scene.model import GeoReference

_LAYER = "classes"
_POLYGON = 3
"""Its code in well-known binary; https://www.ogc.org/standards/sfa/."""


def polygons_path(path: Path) -> Path:
    """The file of the polygons of a map."""
    return path.with_suffix(".gpkg")


def check_polygons() -> None:
    """Raise UserError if polygons cannot be written here; call it before a long prediction."""
    try:
        import pyogrio  # noqa: F401
    except ImportError as error:
        remedy = "Install it: pip install 'hsiauto[vector]'."
        raise UserError("polygons are written by pyogrio", "none is installed", remedy) from error


def write_polygons(
    prediction: Prediction, path: Path, legend: Legend, geo: GeoReference | None, min_pixels: int = 1
) -> int:
    """Write a polygon for each patch of one class, with `value`, `class`, `colour` and `pixels`; how many there are.

    Patches of fewer than `min_pixels` pixels join their largest neighbour. A pixel meets the four beside it. Without a
    geo reference x is the column, and y goes down from 0. Raises UserError if the file cannot be written.
    """
    from pyogrio import errors, raw

    classes = on_the_map(prediction, geo).classes
    known = classes > 0
    if min_pixels > 1:
        classes = sieve(classes, min_pixels, mask=known)
    place = Affine(1, 0, 0, 0, -1, 0) if geo is None else Affine(*geo.transform)
    found = [
        (_wkb(shape["coordinates"]), int(k), _pixels(shape["coordinates"], place))
        for shape, k in shapes(classes, mask=known, transform=place)
    ]
    each = [(legend.values[k - 1], legend.names[k - 1], bytes(legend.colours[k - 1]).hex()) for _, k, _ in found]
    fields: dict[str, npt.NDArray[Any]] = {
        "value": np.array([value for value, _, _ in each], np.int64),
        "class": np.array([name for _, name, _ in each], object),
        "colour": np.array([f"#{colour}" for _, _, colour in each], object),
        "pixels": np.array([pixels for _, _, pixels in found], np.int64),
    }
    with atomic_path(path) as temporary:
        temporary.unlink()  # GDAL makes the file, and takes an empty one for a damaged one
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "'crs' was not provided")  # most benchmark scenes have none
                raw.write(
                    temporary,
                    np.array([wkb for wkb, _, _ in found], object),
                    list(fields.values()),
                    list(fields),
                    layer=_LAYER,
                    driver="GPKG",
                    geometry_type="Polygon",
                    crs=geo.crs_wkt or None if geo is not None else None,
                )
        except errors.DataSourceError as error:
            remedy = "Free some space, or name another folder."
            raise UserError(f"{path} must be written whole", str(error), remedy) from error
    return len(found)


def _wkb(rings: Sequence[Sequence[tuple[float, float]]]) -> bytes:
    """A polygon in well-known binary, little-endian."""
    parts = [struct.pack("<BII", 1, _POLYGON, len(rings))]
    parts += [struct.pack("<I", len(ring)) + np.asarray(ring, "<f8").tobytes() for ring in rings]
    return b"".join(parts)


def _pixels(rings: Sequence[Sequence[tuple[float, float]]], place: Affine) -> int:
    """How many pixels a polygon holds: its area, without its holes, over that of a pixel."""
    outer, *holes = (_area(ring) for ring in rings)
    return round((outer - sum(holes)) / abs(place.determinant))


def _area(ring: Sequence[tuple[float, float]]) -> float:
    x, y = (np.asarray(ring, float) - ring[0]).T  # from its own corner: coordinates are large, pixels may be small
    return abs(float(x[:-1] @ y[1:] - x[1:] @ y[:-1])) / 2

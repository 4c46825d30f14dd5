"""Rasters written through GDAL, and read back: on a full disk it may say nothing."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine

from hsiauto.report.legend import Legend
from hsiauto.scene.model import GeoReference


def write_raster(
    bands: npt.NDArray[Any],
    path: Path,
    geo: GeoReference | None,
    descriptions: Sequence[str],
    creation: dict[str, Any],
    legend: Legend | None,
) -> None:
    """(bands, H, W) -> a raster file with the scene's geo reference, if it has one, and with the legend of classes."""
    count, height, width = bands.shape
    creation = {**creation, "count": count, "height": height, "width": width, "dtype": bands.dtype.name}
    if legend is not None:
        creation["nodata"] = legend.no_data
    if geo is not None:
        creation["transform"] = Affine(*geo.transform)
        if geo.crs_wkt:
            creation["crs"] = CRS.from_wkt(geo.crs_wkt)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **creation) as raster:
            if legend is not None and creation["driver"] == "COG":
                raster.update_tags(**{f"CLASS_{value}": printable(name) for value, name, _ in legend.entries})
                if bands.dtype.itemsize <= 2:  # GDAL keeps no colour table for larger integers
                    raster.write_colormap(1, {value: (*colour, 255) for value, _, colour in legend.entries})
            raster.write(bands)
            raster.descriptions = tuple(map(printable, descriptions))
        with rasterio.open(path, driver="GTiff" if creation["driver"] == "COG" else creation["driver"]) as raster:
            compare((raster.read(band) for band in raster.indexes), bands)


def compare(read: Iterable[npt.NDArray[Any]], written: Iterable[npt.NDArray[Any]]) -> None:
    """Raise OSError if something else is read than was written: on a full disk both GDAL and NumPy may say nothing."""
    for there, here in zip(read, written, strict=True):
        if not np.array_equal(there, here, equal_nan=here.dtype.kind == "f"):
            raise OSError("other values than were written: the disk may be full")


def printable(name: str) -> str:
    """`name` without control characters, which XML cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in name)

"""Rasters through GDAL: GeoTIFF, and ENVI by its header or its data file. ENVI data stay on disk, memory-mapped."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from hsiauto.errors import UserError
from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers.stored import Stored, unreadable
from hsiauto.scene.wavelengths import to_nm

ENVI_DATA_SUFFIXES = ("", ".img", ".dat", ".bil", ".bip", ".bsq", ".raw", ".bin", ".cube")
# Axis order of each interleave as stored -> the view (H, W, C).
_TO_HWC = {"bip": (0, 1, 2), "bil": (0, 2, 1), "bsq": (1, 2, 0)}
_ROWS = 64


def read(path: Path) -> Stored:
    """(H, W, C) with wavelengths, bad bands, nodata value and geo reference if the file has them.

    Raises UserError for a foreign or truncated file, complex numbers, and a header without data.
    """
    path = _data_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # most benchmark scenes are not
            with rasterio.open(path) as raster:
                return _read(path, raster)
    except (RasterioError, OSError) as error:
        raise UserError(
            "an image must be a whole GeoTIFF or ENVI file", unreadable(path, "such file", error), "Copy it again"
        ) from error


def _read(path: Path, raster: rasterio.DatasetReader) -> Stored:
    kinds = {np.dtype(name).kind for name in raster.dtypes}
    if not kinds <= set("iuf"):
        raise UserError("an image must hold real numbers", f"{raster.dtypes[0]} in {path}", "Save its magnitude")
    header = raster.tags(ns="ENVI")
    mapped = _envi_memmap(path, raster, header) if raster.driver == "ENVI" else None
    wavelengths, note = _wavelengths(raster, header)
    bad = _numbers(header.get("bbl"))
    return Stored(
        _in_memory(raster) if mapped is None else mapped,
        axes_known=True,
        nodata=None if raster.nodata is None else float(raster.nodata),
        wavelengths_nm=wavelengths,
        good_bands=tuple(value != 0 for value in bad) if len(bad) == raster.count else None,
        geo=_geo(raster),
        class_names=tuple(_items(header.get("class_names"))) or None,
        notes=() if note is None else (note,),
    )


def _data_file(path: Path) -> Path:
    """The file beside an ENVI header that holds the data; any other path as it is."""
    if path.suffix.lower() != ".hdr":
        return path
    stem = path.with_suffix("")
    found = [stem.with_name(stem.name + suffix) for suffix in ENVI_DATA_SUFFIXES]
    found = [candidate for candidate in found if candidate.is_file()]
    if len(found) != 1:
        received = "none" if not found else "several: " + ", ".join(candidate.name for candidate in found)
        raise UserError(f"the ENVI header {path} needs one data file beside it", received, "Name the data file itself")
    return found[0]


def _envi_memmap(path: Path, raster: rasterio.DatasetReader, header: dict[str, str]) -> npt.NDArray[np.generic] | None:
    """A read-only (H, W, C) view of the data on disk; None if it is compressed. UserError if it is cut off."""
    if header.get("file_compression", "0") != "0" or len(set(raster.dtypes)) != 1:
        return None
    axes = _TO_HWC[header["interleave"].lower()]
    order = ">" if header.get("byte_order", "0") == "1" else "<"
    dtype, offset = np.dtype(raster.dtypes[0]).newbyteorder(order), int(header.get("header_offset", "0"))
    hwc = (raster.height, raster.width, raster.count)
    shape = tuple(hwc[axes.index(axis)] for axis in range(3))  # the inverse permutation: the shape as stored
    needed, size = offset + int(np.prod(hwc)) * dtype.itemsize, path.stat().st_size
    if size < needed:
        raise UserError(f"{path} must hold the {needed:,} bytes of its header", f"{size:,}", "Copy it again")
    return np.memmap(path, dtype, "r", offset, shape).transpose(axes)


def _in_memory(raster: rasterio.DatasetReader) -> npt.NDArray[np.generic]:
    """Read in strips into (H, W, C), so that no second copy of the whole is needed to turn the axes."""
    cube = np.empty((raster.height, raster.width, raster.count), np.result_type(*raster.dtypes))
    rows = max(_ROWS, raster.block_shapes[0][0])
    for top in range(0, raster.height, rows):
        strip = raster.read(window=Window(0, top, raster.width, min(rows, raster.height - top)))
        cube[top : top + rows] = strip.transpose(1, 2, 0)
    return cube


def _wavelengths(raster: rasterio.DatasetReader, header: dict[str, str]) -> tuple[tuple[float, ...] | None, str | None]:
    values, unit = _numbers(header.get("wavelength")), header.get("wavelength_units")
    if len(values) != raster.count:  # no ENVI header: GDAL's own metadata, which conversions to GeoTIFF keep
        bands = range(1, raster.count + 1)
        named = [raster.tags(band) for band in bands]
        if all("wavelength" in tags for tags in named):
            values = [number for tags in named for number in _numbers(tags["wavelength"])]
            unit = named[0].get("wavelength_units")
        else:
            centres = [raster.tags(band, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM", "") for band in bands]
            values, unit = [number for centre in centres for number in _numbers(centre)], "micrometers"
    return to_nm(values, unit) if len(values) == raster.count else (None, None)


def _geo(raster: rasterio.DatasetReader) -> GeoReference | None:
    if raster.crs is None and raster.transform.is_identity:
        return None
    a, b, c, d, e, f = tuple(raster.transform)[:6]
    return GeoReference(raster.crs.to_wkt() if raster.crs else "", (a, b, c, d, e, f))


def _items(field: str | None) -> list[str]:
    """The items of an ENVI list, `{a, b}`."""
    return [item.strip() for item in (field or "").strip().strip("{}").split(",") if item.strip()]


def _numbers(field: str | None) -> list[float]:
    try:
        return [float(item) for item in _items(field)]
    except ValueError:
        return []  # a list of something else is as good as none

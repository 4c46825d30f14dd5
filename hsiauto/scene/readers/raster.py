"""Rasters through GDAL: GeoTIFF, ENVI by its header or its data file, and VRT. ENVI data stay on disk, memory-mapped.

GDAL reads a hundred formats, some of which name other files and addresses: it is told which one a file has.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from hsiauto.errors import UserError
from hsiauto.files import regular_file
from hsiauto.scene.memory import mapping, require
from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers import glt, vrt
from hsiauto.scene.readers.beside import check_beside
from hsiauto.scene.readers.envi import EnviHeader, header_of
from hsiauto.scene.readers.stored import Stored, unreadable
from hsiauto.scene.wavelengths import to_nm

ENVI_DATA_SUFFIXES = ("", ".img", ".dat", ".bil", ".bip", ".bsq", ".raw", ".bin", ".cube")
# Axis order of each interleave as stored -> the view (H, W, C).
_TO_HWC = {"bip": (0, 1, 2), "bil": (0, 2, 1), "bsq": (1, 2, 0)}
_ROWS = 64
_CACHE_SHARE = 20
"""GDAL keeps what it has read in this part of the machine's memory."""
_FARTHEST = 1e15
"""No unit of a map has larger numbers; NaN is none either."""


def read(path: Path) -> Stored:
    """(H, W, C) with wavelengths, bad bands, nodata value and geo reference if the file has them.

    Raises UserError for a foreign or truncated file, complex numbers, and a header without data.
    """
    named = path if path.suffix.lower() == ".hdr" else None
    try:
        path = regular_file(data_file(path))
        header = header_of(path, named)
        if header is not None:
            header.check()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # most benchmark scenes are not
            with _opened(path, header) as raster:
                stored = _read(path, raster, header)
        return stored if header is None or stored.geo is not None else glt.placed(path, stored, read)
    except (RasterioError, CPLE_BaseError, CRSError, UnicodeDecodeError, OSError) as error:
        rule = "an image must be a whole GeoTIFF, ENVI or VRT file"
        raise UserError(rule, unreadable(path, "such file", error), "Copy it again") from error


@contextlib.contextmanager
def _opened(path: Path, header: EnviHeader | None) -> Iterator[rasterio.DatasetReader]:
    """The image by the driver of its format alone; of the files beside it only those that `check_beside` lets pass."""
    if path.suffix.lower() == ".vrt":
        with MemoryFile(vrt.plain(path), ext=".vrt") as file, file.open(driver="VRT") as raster:
            yield raster
    else:
        driver, metadata = "GTiff" if header is None else "ENVI", check_beside(path)
        with rasterio.Env(GDAL_PAM_ENABLED=metadata), rasterio.open(path.absolute(), driver=driver) as raster:
            yield raster


def _read(path: Path, raster: rasterio.DatasetReader, header: EnviHeader | None) -> Stored:
    if any(name.startswith("complex") for name in raster.dtypes):  # complex_int16 is no type of NumPy
        raise UserError("an image must hold real numbers", f"{raster.dtypes[0]} in {path}", "Save its magnitude")
    header = header if raster.driver == "ENVI" else None
    mapped = _envi_memmap(path, raster, header) if header is not None else None
    require(_needed(raster, mapped is not None), str(path))
    bands, mask, notes = _bands_and_mask(raster)
    geo, unplaced = _geo(raster)
    wavelengths, note = _wavelengths(raster, header)
    if wavelengths is not None:
        wavelengths = wavelengths[: len(bands)]
    bad = header.numbers("bbl", raster.count) if header is not None else []
    return Stored(
        _in_memory(raster, bands) if mapped is None else mapped,
        axes_known=True,
        nodata=None if raster.nodata is None else float(raster.nodata),
        mask=mask,
        wavelengths_nm=wavelengths,
        good_bands=tuple(value != 0 for value in bad) or None,
        geo=geo,
        class_names=tuple(header.items("class names")) or None if header is not None else None,
        notes=(*notes, *unplaced, *_scale_notes(raster, header), *(() if note is None else (note,)), *_unread(path)),
    )


def _needed(raster: rasterio.DatasetReader, is_mapped: bool) -> int:
    """Bytes at the peak: masks of every pixel, and, unless the file is mapped, the cube, one strip, one block, and what
    GDAL keeps of it."""
    pixels = raster.height * raster.width
    item = np.result_type(*raster.dtypes).itemsize
    if is_mapped:
        return 3 * pixels
    block = max(rows * columns for rows, columns in raster.block_shapes) * item * raster.count
    strip = min(raster.height, max(_ROWS, raster.block_shapes[0][0])) * raster.width * raster.count * item
    whole = pixels * raster.count * item
    kept = min(whole, psutil.virtual_memory().total // _CACHE_SHARE)
    return 3 * pixels + whole + strip + block + kept


def _unread(path: Path) -> tuple[str, ...]:
    aux = path.with_suffix(".aux")
    return (
        f"{aux.name} beside it is not read: an ERDAS file, whose nodata value and places do not count",
    ) * aux.is_file()


def _scale_notes(raster: rasterio.DatasetReader, header: EnviHeader | None) -> tuple[str, ...]:
    """What turns the stored values into reflectance or radiance is said: it is not applied."""
    found = [] if header is None else header.unapplied_scale()
    if header is None:  # of an ENVI file GDAL tells its gains and offsets once more
        for what, values, nothing in (("scale", raster.scales, 1.0), ("offset", raster.offsets, 0.0)):
            if any(value != nothing for value in values):
                found.append(f"{what} {values[0]:g}{' and others' if len(set(values)) > 1 else ''}")
    told = "the file's {} not applied: values are used as stored, give predict scenes of the same scale"
    return (told.format(", ".join(found)),) if found else ()


def data_file(path: Path) -> Path:
    """The file beside an ENVI header that holds the data; any other path as it is."""
    if path.suffix.lower() != ".hdr":
        return path
    stem = path.with_suffix("")
    names = {(stem.name + suffix).lower() for suffix in ENVI_DATA_SUFFIXES}
    found = sorted(file for file in path.parent.iterdir() if file.name.lower() in names and file.is_file())
    found = [file for file in found if file.name.startswith(stem.name)]
    if len(found) != 1:
        received = "none" if not found else "several: " + ", ".join(candidate.name for candidate in found)
        raise UserError(f"the ENVI header {path} needs one data file beside it", received, "Name the data file itself")
    return found[0]


def _envi_memmap(path: Path, raster: rasterio.DatasetReader, header: EnviHeader) -> npt.NDArray[np.generic] | None:
    """A read-only (H, W, C) view of the data on disk; None if it is compressed.

    Raises UserError if it is cut off, or if rows of it are not what GDAL reads there.
    """
    if header.whole("file compression", 0):
        return None
    axes, dtype, offset = _TO_HWC[header.interleave], header.dtype, header.whole("header offset", 0)
    hwc = (header.whole("lines", None), header.whole("samples", None), header.whole("bands", None))
    shape = tuple(hwc[axes.index(axis)] for axis in range(3))  # the inverse permutation: the shape as stored
    needed, size = offset + math.prod(hwc) * dtype.itemsize, path.stat().st_size
    if size < needed:
        raise UserError(f"{path} must hold the {needed:,} bytes of its header", f"{size:,}", "Copy it again")
    with mapping(path):
        cube = np.memmap(path, dtype, "r", offset, shape).transpose(axes)
    if hwc != (raster.height, raster.width, raster.count):
        raise _disagree(header, f"{hwc} and {(raster.height, raster.width, raster.count)}")
    for row in sorted({0, hwc[0] // 2, hwc[0] - 1}):
        by_gdal = raster.read(window=Window(0, row, raster.width, 1))[:, 0].T
        if not np.array_equal(cube[row], by_gdal, equal_nan=dtype.kind == "f"):
            raise _disagree(header, f"other values in row {row}")
    return cube


def _disagree(header: EnviHeader, received: str) -> UserError:
    rule = f"the image must be the same as GDAL reads it and as {header.path} describes it"
    return UserError(rule, received, "Rewrite it: gdal_translate -of ENVI")


def _bands_and_mask(
    raster: rasterio.DatasetReader,
) -> tuple[list[int], npt.NDArray[np.bool_] | None, tuple[str, ...]]:
    """(the bands that hold data, the pixels that masks and alpha leave, notes)."""
    bands = list(range(1, raster.count + 1))
    notes: tuple[str, ...] = ()
    mask = np.ones((raster.height, raster.width), np.bool_)
    if len(bands) > 1 and raster.colorinterp[-1] == ColorInterp.alpha:
        alpha = raster.read(bands[-1])
        # GDAL tags the fourth band of any 8-bit image as alpha: one that is more than on and off holds data
        if set(np.unique(alpha).tolist()) <= {0, np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1}:
            mask &= alpha != 0
            bands.pop()
            notes = ("the alpha band tells the pixels without data",)
        else:
            return bands, None, (f"band {bands[-1]} is tagged alpha but has many values: taken as a band",)
    for band, flags in zip(bands, raster.mask_flag_enums, strict=False):
        if not {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha} & set(flags):
            mask &= raster.read_masks(band) != 0
            if MaskFlags.per_dataset in flags:
                break
    return bands, None if mask.all() else mask, notes


def _in_memory(raster: rasterio.DatasetReader, bands: list[int]) -> npt.NDArray[np.generic]:
    """Read in strips into (H, W, C), so that no second copy of the whole is needed to turn the axes."""
    cube = np.empty((raster.height, raster.width, len(bands)), np.result_type(*raster.dtypes))
    rows = max(_ROWS, raster.block_shapes[0][0])
    for top in range(0, raster.height, rows):
        strip = raster.read(bands, window=Window(0, top, raster.width, min(rows, raster.height - top)))
        cube[top : top + rows] = strip.transpose(1, 2, 0)
    return cube


def _wavelengths(
    raster: rasterio.DatasetReader, header: EnviHeader | None
) -> tuple[tuple[float, ...] | None, str | None]:
    values, unit = [], None
    if header is not None:
        values, unit = header.numbers("wavelength", raster.count), header.fields.get("wavelength units")
    if not values:  # GDAL's own metadata, which conversions to GeoTIFF keep
        bands = [_folded(raster.tags(band)) for band in range(1, raster.count + 1)]
        values, unit = [n for tags in bands for n in _number(tags.get("wavelength"))], bands[0].get("wavelength_units")
    if len(values) != raster.count:
        imagery = [_folded(raster.tags(band, ns="IMAGERY")) for band in range(1, raster.count + 1)]
        values, unit = [n for tags in imagery for n in _number(tags.get("central_wavelength_um"))], "micrometers"
    return to_nm(values, unit) if len(values) == raster.count else (None, None)


def _folded(tags: dict[str, str]) -> dict[str, str]:
    return {key.lower(): value for key, value in tags.items()}


def _geo(raster: rasterio.DatasetReader) -> tuple[GeoReference | None, tuple[str, ...]]:
    """The place of the grid, and why there is none though the file has one."""
    if raster.crs is None and raster.transform.is_identity:
        return None, ()
    a, b, c, d, e, f = tuple(raster.transform)[:6]
    if not all(abs(number) < _FARTHEST for number in (a, b, c, d, e, f)) or abs(a * e - b * d) < 1 / _FARTHEST:
        return None, (f"its geo reference is no grid and not used: {a:g}, {b:g}, {c:g}, {d:g}, {e:g}, {f:g}",)
    return GeoReference(raster.crs.to_wkt() if raster.crs else "", (a, b, c, d, e, f)), ()


def _number(text: str | None) -> list[float]:
    try:
        return [] if text is None else [float(text)]
    except ValueError:
        return []  # something else is as good as none

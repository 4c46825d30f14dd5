"""What the readers of HDF5 products ask for, with an error that names what is not there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from rasterio import Env
from rasterio.crs import CRS
from rasterio.errors import CRSError

from hsiauto.errors import UserError, shown
from hsiauto.scene.lookup import GeometryLookup
from hsiauto.scene.memory import require
from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers.hdf5 import text
from hsiauto.scene.wavelengths import to_nm

_REMEDY = "Give the file as it was delivered"
_TABLE_BYTES, _PIXEL_BYTES = 40, 16
"""What is held of each number of a table, and beside a cube of each pixel."""


@dataclass(frozen=True)
class Product:
    """An open HDF5 product whose arrays lie in it."""

    path: Path
    file: h5py.File
    arrays: dict[str, h5py.Dataset]

    def array(self, name: str, axes: int) -> h5py.Dataset:
        """The array of that name. Raises UserError if there is none with so many axes, one is empty, or memory does not
        hold a table, or a mask for each pixel of a cube."""
        found = self.arrays.get(name)
        if found is None or found.ndim != axes or not found.size or found.dtype.kind not in "iuf":
            received = "none" if found is None else f"{found.dtype} {found.shape}"
            raise UserError(f"{self.path} must hold {name}, numbers along {axes} axes", received, _REMEDY)
        each = _TABLE_BYTES if axes < 3 else _PIXEL_BYTES / min(found.shape)
        require(int(each * found.size), f"{name} of {self.path}")
        return found

    def wavelengths(self, values: Any, bands: int, unit: str) -> tuple[float, ...]:
        """One wavelength a band, in nm. Raises UserError for anything else."""
        array = np.asarray(values, float).reshape(-1)
        nm, note = to_nm(array.tolist(), unit)
        if nm is None or len(nm) != bands:
            received = note or f"{len(array)} for {bands} bands"
            raise UserError(f"{self.path} must have a wavelength for each band", received, _REMEDY)
        return nm

    def attribute(self, name: str) -> Any:
        """An attribute of the whole file. Raises UserError if it is missing."""
        if name not in self.file.attrs:
            raise UserError(f"{self.path} must have the attribute {name}", "none", _REMEDY)
        return self.file.attrs[name]

    def number(self, name: str) -> float:
        """An attribute that is one finite number. Raises UserError for anything else."""
        value = self.attribute(name)
        try:
            number = float(text(value))
        except ValueError:
            number = np.nan
        if not np.isfinite(number):
            raise UserError(f"the attribute {name} of {self.path} must be a number", shown(text(value)), _REMEDY)
        return number


def fill_value(dataset: h5py.Dataset) -> float | None:
    """The value that NetCDF writes where there is no data."""
    fill = dataset.attrs.get("_FillValue")
    return None if fill is None else float(np.asarray(fill).reshape(-1)[0])


def reference(path: Path, crs: str | int, gdal: Sequence[float], lookup: GeometryLookup | None = None) -> GeoReference:
    """The place of a product by WKT or EPSG code and GDAL's six numbers.

    Raises UserError for a coordinate reference system that is none, and for numbers that make no grid.
    """
    try:
        with Env():  # else GDAL prints by itself
            known = CRS.from_epsg(crs) if isinstance(crs, int) else CRS.from_wkt(crs)
    except CRSError as error:
        rule = f"{path} must name its coordinate reference system"
        raise UserError(rule, shown(crs), _REMEDY) from error
    numbers = [float(number) for number in gdal]
    if len(numbers) != 6 or not np.isfinite(numbers).all() or not numbers[1] or not numbers[5]:
        raise UserError(f"{path} must have the six numbers of a grid", ", ".join(map(str, numbers)), _REMEDY)
    x, a, b, y, d, e = numbers
    return GeoReference(known.to_wkt(), (a, b, x, d, e, y), lookup)

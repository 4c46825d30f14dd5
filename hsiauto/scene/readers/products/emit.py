"""EMIT L2A surface reflectance (EMIT_L2A_RFL_*.nc), in the sensor's geometry, with the mask file if it lies beside.

https://lpdaac.usgs.gov/products/emitl2arflv001/, and the mission's own writer:
https://github.com/emit-sds/emit-sds-l2a/blob/main/output_conversion.py
"""

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.lookup import GeometryLookup
from hsiauto.scene.readers.hdf5 import arrays, cube_of, text
from hsiauto.scene.readers.products.layout import Product, fill_value, reference
from hsiauto.scene.readers.stored import Stored

_HIDDEN = ("cloud flag", "cirrus flag", "spacecraft flag")
"""Ends of the names of flags under which the ground was not seen; water was, and a thick aerosol is corrected."""


def mask_of(path: Path) -> Path | None:
    """The mask file of a reflectance file, if it lies beside it."""
    mask = path.with_name(path.name.replace("_RFL_", "_MASK_"))
    return mask if mask != path and mask.is_file() else None


def read(product: Product) -> Stored:
    """Reflectance (downtrack, crosstrack, bands), 0 to 1. Raises UserError for a file of another layout."""
    path, reflectance = product.path, product.array("reflectance", 3)
    height, width, n_bands = reflectance.shape
    wavelengths = product.array("sensor_band_parameters/wavelengths", 1)
    good = product.arrays.get("sensor_band_parameters/good_wavelengths")
    columns, rows = (product.array(f"location/glt_{axis}", 2)[()] for axis in "xy")
    lookup = GeometryLookup.of_tables(columns, rows, (height, width))
    if lookup is None:
        rule = f"the geometry lookup of {path} must lead to its {height} x {width} pixels"
        raise UserError(rule, f"columns up to {columns.max()}, rows up to {rows.max()}", "Download it again")
    mask, notes = _mask(path, (height, width))
    return Stored(
        cube_of(reflectance, path, (0, 1, 2)),
        axes_known=True,
        nodata=fill_value(reflectance),
        mask=mask,
        wavelengths_nm=product.wavelengths(wavelengths[()], n_bands, text(wavelengths.attrs.get("units", "nm"))),
        good_bands=tuple((good[()] == 1).tolist()) if good is not None and good.shape == (n_bands,) else None,
        geo=reference(path, text(product.attribute("spatial_ref")), product.attribute("geotransform"), lookup),
        notes=("in the sensor's rows and columns; maps are written through its geometry lookup table", *notes),
    )


def _mask(path: Path, shape: tuple[int, int]) -> tuple[npt.NDArray[np.bool_] | None, tuple[str, ...]]:
    """(False where the mask file says that the ground was not seen, what was done)."""
    beside = mask_of(path)
    if beside is None:
        return None, ("no mask file (EMIT_L2A_MASK_...) beside it: clouds are not left out",)
    with h5py.File(beside) as file:
        product = Product(beside, file, arrays(file, beside))
        flags, names = product.array("mask", 3), product.arrays.get("sensor_band_parameters/mask_bands")
        listed = [] if names is None else [text(name).strip() for name in names[()].reshape(-1)]
        if flags.shape != (*shape, len(listed)):
            received = f"{flags.shape} and {len(listed)} names"
            raise UserError(f"{beside} must have a named flag for each pixel of {path}", received, "Give its own mask")
        used = [band for band, name in enumerate(listed) if name.lower().endswith(_HIDDEN)]
        hidden = np.zeros(shape, np.bool_)
        for band in used:
            hidden |= flags[:, :, band] == 1
    told = ", ".join(listed[band] for band in used)
    return ~hidden, (f"{int(hidden.sum()):,} pixels without data by {beside.name}: {told}",)

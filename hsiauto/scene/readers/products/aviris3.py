"""AVIRIS-3 and AVIRIS-5 L2A surface reflectance on a map's grid (AV3*_L2A_OE_*_RFL_ORT.nc); AVIRIS-NG's in that form.

https://doi.org/10.3334/ORNLDAAC/2357
"""

import numpy as np

from hsiauto.errors import UserError
from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers.hdf5 import cube_of, text
from hsiauto.scene.readers.products.layout import Product, fill_value, reference
from hsiauto.scene.readers.stored import Stored

_WATER_NM = ((1325, 1435), (1770, 1962))
"""Where water vapour leaves no light; the bounds of EMIT's own list, as this product has none."""


def read(product: Product) -> Stored:
    """Reflectance, stored as (bands, northing, easting). Raises UserError for a file of another layout."""
    reflectance, wavelengths = product.array("reflectance/reflectance", 3), product.array("reflectance/wavelength", 1)
    nm = product.wavelengths(wavelengths[()], reflectance.shape[0], text(wavelengths.attrs.get("units", "nm")))
    return Stored(
        cube_of(reflectance, product.path, (1, 2, 0)),
        axes_known=True,
        nodata=fill_value(reflectance),
        wavelengths_nm=nm,
        good_bands=tuple(not any(low < band < high for low, high in _WATER_NM) for band in nm),
        geo=_place(product, reflectance.shape[1:]),
        notes=("bands of 1325 to 1435 and 1770 to 1962 nm count as bad: water vapour",),
    )


def _place(product: Product, shape: tuple[int, int]) -> GeoReference | None:
    mapping = product.arrays.get("transverse_mercator")
    if mapping is None:
        return None
    x, y = (product.array(axis, 1)[()].astype(float) for axis in ("easting", "northing"))
    if (len(y), len(x)) != shape or min(shape) < 2:
        received = f"{len(y)} northings, {len(x)} eastings for {shape}"
        raise UserError(f"{product.path} must have a place for each row and column", received, "Download it again")
    side_x, side_y = np.diff(x).mean(), np.diff(y).mean()
    numbers = (x[0] - side_x / 2, side_x, 0.0, y[0] - side_y / 2, 0.0, side_y)
    wkt = mapping.attrs.get("crs_wkt", mapping.attrs.get("spatial_ref", b""))
    return reference(product.path, text(wkt), numbers)

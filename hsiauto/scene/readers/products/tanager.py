"""Tanager surface reflectance (*_basic_sr_hdf5.h5, *_ortho_sr_hdf5.h5), HDF-EOS5.

https://docs.planet.com/data/imagery/tanager/; the ortho product's place stands in StructMetadata.0, as HDF-EOS5 has it.
"""

import re

import numpy as np

from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers.hdf5 import cube_of, text
from hsiauto.scene.readers.products.layout import Product, fill_value, reference
from hsiauto.scene.readers.stored import Stored

GRID, SWATH = "HDFEOS/GRIDS/HYP", "HDFEOS/SWATHS/HYP"
REFLECTANCE = "surface_reflectance"
_STRUCTURE = "HDFEOS INFORMATION/StructMetadata.0"
_MASKS = ("nodata_pixels", "beta_cloud_mask", "beta_cirrus_mask")


def read(product: Product) -> Stored:
    """Reflectance, stored as (bands, rows, columns). Raises UserError for a file of another layout."""
    root = next(root for root in (GRID, SWATH) if f"{root}/Data Fields/{REFLECTANCE}" in product.arrays)
    cube = product.array(f"{root}/Data Fields/{REFLECTANCE}", 3)
    mask, used = np.ones(cube.shape[1:], np.bool_), []
    for name in _MASKS:
        found = product.arrays.get(f"{root}/Data Fields/{name}")
        if found is not None and found.shape == mask.shape:
            mask &= found[()] == 0
            used.append(name)
    good = np.asarray(cube.attrs.get("good_wavelengths", ())).reshape(-1)
    return Stored(
        cube_of(cube, product.path, (1, 2, 0)),
        axes_known=True,
        nodata=fill_value(cube),
        mask=mask,
        wavelengths_nm=product.wavelengths(cube.attrs.get("wavelengths", ()), cube.shape[0], "nm"),
        good_bands=tuple((good != 0).tolist()) if len(good) == cube.shape[0] else None,
        geo=_place(product, root, cube.shape[1:]) if root == GRID else None,
        notes=(f"{int((~mask).sum()):,} pixels without data by {', '.join(used)}",) if used else (),
    )


def _place(product: Product, root: str, shape: tuple[int, int]) -> GeoReference | None:
    """The grid's corners and UTM zone, as HDF-EOS5 writes them: south of the equator the zone is negative."""
    if _STRUCTURE not in product.arrays:
        return None
    told = text(product.arrays[_STRUCTURE][()])
    corners = [
        re.search(rf"{name}=\(([-+.\deE]+),([-+.\deE]+)\)", told) for name in ("UpperLeftPointMtrs", "LowerRightMtrs")
    ]
    zone = re.search(r"ZoneCode=(-?\d{1,2})\b", told)
    epsg = product.file[root].attrs.get("epsg_code")
    if epsg is None and zone is not None and "HE5_GCTP_UTM" in told:
        epsg = (32600 if int(zone[1]) > 0 else 32700) + abs(int(zone[1]))
    if epsg is None or corners[0] is None or corners[1] is None:
        return None
    (west, north), (east, south) = (map(float, corner.groups()) for corner in corners if corner is not None)
    numbers = (west, (east - west) / shape[1], 0.0, north, 0.0, (south - north) / shape[0])
    return reference(product.path, int(np.asarray(epsg).reshape(-1)[0]), numbers)

"""PRISMA L2D surface reflectance (PRS_L2D_*.he5): two detectors joined, on the map's grid.

PRISMA Products Specification Document (ASI), issue 2.3, 2020; how it is read: https://github.com/IREA-CNR-MI/prismaread
"""

import numpy as np

from hsiauto.errors import UserError
from hsiauto.scene.memory import require
from hsiauto.scene.model import GeoReference
from hsiauto.scene.readers.products.layout import Product, reference
from hsiauto.scene.readers.stored import Stored

FIELDS = "HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields"
_FULL = 65535
"""The number that stands for the largest value of the scale; 0 is written where there is no data."""
_SIDE_M = 30.0


def read(product: Product) -> Stored:
    """Reflectance (H, W, C), float32, by rising wavelength; where the detectors overlap, SWIR's bands.

    Raises UserError for a file of another layout, and for a cube that memory does not hold.
    """
    cubes = {name: product.array(f"{FIELDS}/{name.upper()}_Cube", 3) for name in ("Vnir", "Swir")}
    height, _, width = cubes["Vnir"].shape
    if cubes["Swir"].shape[::2] != (height, width):
        received = f"{cubes['Vnir'].shape} and {cubes['Swir'].shape}"
        raise UserError(f"both detectors of {product.path} must have the same pixels", received, "Download it again")
    found = {name: _bands(product, name, cube.shape[1]) for name, cube in cubes.items()}
    first_nm = min(found["Swir"], default=np.inf)
    taken = [("Vnir", nm, band) for nm, band in sorted(found["Vnir"].items()) if nm < first_nm]
    overlap = len(found["Vnir"]) - len(taken)
    taken += [("Swir", nm, band) for nm, band in sorted(found["Swir"].items())]
    require(4 * height * width * len(taken) + cubes["Vnir"].nbytes, str(product.path))
    out = np.empty((height, width, len(taken)), np.float32)
    empty = np.ones((height, width), np.bool_)
    scales = {name: tuple(product.number(f"L2Scale{name}{end}") for end in ("Min", "Max")) for name in cubes}
    for place, (name, _, band) in enumerate(taken):
        stored = cubes[name][:, band, :]
        low, high = scales[name]
        out[..., place] = low + stored * np.float32((high - low) / _FULL)
        empty &= stored == 0
    return Stored(
        out,
        axes_known=True,
        mask=~empty,
        wavelengths_nm=product.wavelengths([nm for _, nm, _ in taken], len(taken), "nm"),
        geo=_place(product, height, width),
        notes=(f"VNIR and SWIR joined, {overlap} bands of VNIR left out where they overlap; scaled to reflectance",),
    )


def _bands(product: Product, name: str, stored: int) -> dict[float, int]:
    """{wavelength in nm: band} of a detector; bands that were not delivered have the wavelength 0."""
    listed = np.asarray(product.attribute(f"List_Cw_{name}"), float).reshape(-1)
    flags = np.asarray(product.file.attrs.get(f"List_Cw_{name}_Flags", np.ones(stored))).reshape(-1)
    if not len(listed) == len(flags) == stored:
        received = f"{len(listed)} and {len(flags)} for {stored} bands"
        rule = f"List_Cw_{name} and its flags in {product.path} must have an entry for each band"
        raise UserError(rule, received, "Download it again")
    return {float(nm): band for band, (nm, flag) in enumerate(zip(listed, flags, strict=True)) if nm > 0 and flag}


def _place(product: Product, height: int, width: int) -> GeoReference:
    west, north = (product.number(f"Product_ULcorner_{axis}") for axis in ("easting", "northing"))
    east, south = (product.number(f"Product_LRcorner_{axis}") for axis in ("easting", "northing"))
    # the corners are those of pixels in some versions, their centres in others; the side is always 30 m
    half = _SIDE_M / 2 if abs(east - west - _SIDE_M * (width - 1)) < _SIDE_M / 2 else 0.0
    epsg = int(product.number("Epsg_Code"))
    side_x, side_y = (east - west + 2 * half) / width, (south - north - 2 * half) / height
    return reference(product.path, epsg, (west - half, side_x, 0.0, north + half, 0.0, side_y))

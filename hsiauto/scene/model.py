"""Scene: what every later step needs to know about one hyperspectral image. Nothing here reads a file."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hsiauto.scene.lookup import GeometryLookup


@dataclass(frozen=True)
class GeoReference:
    """The place of the grid on the ground."""

    crs_wkt: str
    """Coordinate reference system as WKT; empty if the file names none."""
    transform: tuple[float, float, float, float, float, float]
    """Affine (a, b, c, d, e, f): x = a * column + b * row + c; y = d * column + e * row + f."""
    lookup: GeometryLookup | None = field(default=None, compare=False)
    """If the image is as the sensor took it: how it comes onto the grid, which has its rows and columns."""


class Part(NamedTuple):
    """One of several scenes that are one data set: its place in their mosaic (`hsiauto.scene.mosaic`)."""

    name: str
    top: int
    """Its first row; its columns begin at 0."""
    height: int
    width: int


@dataclass(frozen=True)
class Scene:
    """One hyperspectral image with its labels."""

    name: str
    """Registry name with its variant (`indian_pines_8bit`), or the file's stem. Results carry it."""
    cube: npt.NDArray[np.generic]
    """(H, W, C), any real dtype, C-contiguous or memory-mapped. Values at invalid pixels are arbitrary."""
    labels: npt.NDArray[np.int16]
    """(H, W): 0 = unlabelled, k = class k, 1-based and contiguous: `class_names[k - 1]`."""
    class_names: tuple[str, ...]
    label_values: tuple[int, ...]
    """The value in the file for each class, e.g. (1, 10, 11, 12, 13, 14) in Salinas A."""
    valid: npt.NDArray[np.bool_]
    """(H, W): False if the pixel has no data (nodata value or NaN in any band)."""
    rgb_bands: tuple[int, int, int]
    """0-based bands for a false-colour picture."""
    wavelengths_nm: tuple[float, ...] | None = None
    dropped_bands: tuple[int, ...] = ()
    """Bands of the file, 0-based, that `cube` leaves out."""
    geo: GeoReference | None = None
    groups: npt.NDArray[np.int32] | None = None
    """(H, W): the group of each labelled pixel, such as its field, from 1; 0 where `labels` is."""
    groups_origin: str = ""
    """What numbers the groups of several scenes alike, such as a file of polygons; empty: each has its own."""
    background: int = 0
    """The value in label files that means unlabelled; if 0 is a class and none does, a number that no file holds."""
    data_hash: str = ""
    """sha256 over cube, labels and groups as stored."""
    notes: tuple[str, ...] = field(default=())
    """Remarks that a reader of a result must know, e.g. "8-bit variant", "312 pixels without data"."""
    parts: tuple[Part, ...] = ()
    """The scenes that this is a mosaic of; empty: it is one scene."""

    @property
    def height(self) -> int:
        return int(self.cube.shape[0])

    @property
    def width(self) -> int:
        return int(self.cube.shape[1])

    @property
    def n_bands(self) -> int:
        return int(self.cube.shape[2])

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

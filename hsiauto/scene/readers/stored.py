"""Stored: an array as its file holds it, with what the file says about it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.scene.model import GeoReference


@dataclass(frozen=True)
class Stored:
    """The result of a reader. Only `array` is there in every format."""

    array: npt.NDArray[np.generic]
    """2-D (H, W) or 3-D; the order of three axes is open unless `axes_known`."""
    axes_known: bool = False
    """True if the format itself says which axis holds the bands: `array` is then (H, W, C)."""
    nodata: float | None = None
    mask: npt.NDArray[np.bool_] | None = None
    """(H, W): False for the pixels that a mask or an alpha band of the file excludes."""
    wavelengths_nm: tuple[float, ...] | None = None
    good_bands: tuple[bool, ...] | None = None
    """False for the bands that the file itself calls bad."""
    geo: GeoReference | None = None
    class_names: tuple[str, ...] | None = None
    """The class names of a label map: that of value i at place i."""
    notes: tuple[str, ...] = ()


def unreadable(path: object, what: str, error: object) -> str:
    """The 'received' part of the error for a truncated or foreign file."""
    return f"{path}, which is no {what} or not all of one ({type(error).__name__}: {error})"

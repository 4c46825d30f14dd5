"""One pass over a cube, in strips, so that a memory-mapped one is read once and never held: hash and missing data."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_STRIP_BYTES = 16 << 20


@dataclass(frozen=True)
class Scan:
    """Facts that follow from the values of a cube."""

    valid: npt.NDArray[np.bool_]
    """(H, W): no band misses data, the empty bands left aside."""
    empty_bands: tuple[int, ...]
    """Bands without data at every pixel that has any: the sensor's, not the scene's, fault."""
    constant: bool
    """Every valid pixel has the same spectrum."""
    sha256: str
    """Hash over shape, dtype and values in the order (H, W, C)."""


def scan(cube: npt.NDArray[np.generic], nodata: float | None = None) -> Scan:
    """Hash an (H, W, C) cube and find the pixels and bands without data: `nodata`, NaN or infinite."""
    digest = hashlib.sha256(f"{cube.shape} {cube.dtype.newbyteorder('=').str}".encode())
    can_miss = nodata is not None or cube.dtype.kind == "f"
    has_data = np.zeros(cube.shape[2], np.bool_)
    for _, strip in strips(cube):
        digest.update(strip.data)
        if can_miss:
            present = ~_missing(strip, nodata)
            has_data |= present.any(axis=(0, 1))
    empty = np.flatnonzero(~has_data) if can_miss and has_data.any() else np.empty(0, np.int64)
    valid = np.ones(cube.shape[:2], np.bool_)
    first: npt.NDArray[np.generic] | None = None
    constant = True
    if not can_miss:
        constant = _is_constant(cube)
        return Scan(valid, (), constant, digest.hexdigest())
    for top, strip in strips(cube):
        missing = _missing(strip, nodata)
        missing[..., empty] = False
        here = ~missing.any(axis=2)
        valid[top : top + len(strip)] = here
        if constant and here.any():
            spectra = np.delete(strip[here], empty, axis=1)
            first = spectra[0] if first is None else first
            constant = bool((spectra == first).all())
    return Scan(valid, tuple(empty.tolist()), constant, digest.hexdigest())


def strips(cube: npt.NDArray[np.generic]) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """(first row, contiguous rows in native byte order) of an (H, W, C) cube, about 16 MiB at a time."""
    height, width, bands = cube.shape
    rows = max(1, _STRIP_BYTES // max(1, width * bands * cube.dtype.itemsize))
    native = cube.dtype.newbyteorder("=")
    for top in range(0, height, rows):
        yield top, np.ascontiguousarray(cube[top : top + rows], dtype=native)


def _missing(strip: npt.NDArray[np.generic], nodata: float | None) -> npt.NDArray[np.bool_]:
    missing = ~np.isfinite(strip) if strip.dtype.kind == "f" else np.zeros(strip.shape, np.bool_)
    if nodata is not None and np.isfinite(nodata):
        # a float32 cube holds the float32 nearest to the value that the header names
        value = np.float32(nodata) if strip.dtype == np.float32 else nodata
        missing |= strip == value
    return missing


def _is_constant(cube: npt.NDArray[np.generic]) -> bool:
    first = cube[0, 0]
    return all(bool((strip == first).all()) for _, strip in strips(cube))

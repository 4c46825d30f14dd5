"""One pass over a cube, in strips, so that a memory-mapped one is read once and never held: hash and missing data."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.scene.memory import require
from hsiauto.scene.on_disk import release

_STRIP_BYTES = 16 << 20
_PIXEL_BYTES = 16
"""What a scan and the scene after it hold of each pixel beside the cube."""

_SAMPLE = 10_000
"""Pixels among which a spectrum is looked for that fills more than 1 % of the scene."""
_SHARE = 0.01
_LARGEST = 1e30
"""No sensor's unit gives larger values; -3.4e38 is the usual fill value of float32."""
_MANY = 10
"""Fewer equal spectra are a coincidence in a tiny scene."""
_FEW = 4
"""So many fill values may stand in one scene."""
_FLAT = 4
"""From so many bands on, one value in all of them is a fill value, not a spectrum."""


@dataclass(frozen=True)
class Repeated:
    """One exact spectrum in more than 1 % of the pixels."""

    value: float
    """Its value in the first band that is kept."""
    pixels: int
    is_fill: bool
    """One value in all bands: its pixels count as missing."""


@dataclass(frozen=True)
class Scan:
    """Facts that follow from the values of a cube."""

    valid: npt.NDArray[np.bool_]
    """(H, W): no band misses data, the dropped and the empty bands left aside."""
    empty_bands: tuple[int, ...]
    """Bands without data at every pixel that has any: the sensor's, not the scene's, fault."""
    constant: bool
    """Every valid pixel has the same spectrum."""
    sha256: str
    """Hash over shape, dtype and values in the order (H, W, C)."""
    repeated: tuple[Repeated, ...] = ()
    beyond: int = 0
    """Pixels with finite values that cannot be data, beyond 1e30."""


def scan(
    cube: npt.NDArray[np.generic],
    *nodata: float,
    dropped: Collection[int] = (),
    mask: npt.NDArray[np.bool_] | None = None,
    find_fill: bool = True,
) -> Scan:
    """Hash an (H, W, C) cube and find the pixels and bands without data.

    Missing are `nodata`, NaN, infinity and pixels outside `mask`; with `find_fill` also values beyond 1e30 and a flat
    spectrum that stands in more than 1 % of the pixels. Bands `dropped` count for nothing.
    """
    require(_PIXEL_BYTES * cube.shape[0] * cube.shape[1], "the masks of a scene")
    digest = hashlib.sha256(f"{cube.shape} {cube.dtype.newbyteorder('=').str}".encode())
    can_miss = bool(nodata) or mask is not None or cube.dtype.kind == "f"
    drawn, sample = _drawn(cube.shape), []
    has_data = np.zeros(cube.shape[2], np.bool_)
    for top, strip in strips(cube):
        digest.update(strip.data)
        present = ~missing(strip, *nodata, find_fill=find_fill)
        if mask is not None:
            present &= mask[top : top + len(strip), :, None]
        has_data |= present.any(axis=(0, 1))
        here = drawn[(drawn >= top * cube.shape[1]) & (drawn < (top + len(strip)) * cube.shape[1])]
        flat = here - top * cube.shape[1]
        sample.append((strip.reshape(-1, cube.shape[2])[flat], present.reshape(-1, cube.shape[2])[flat]))
    empty = np.setdiff1d(np.flatnonzero(~has_data) if has_data.any() else (), list(dropped)).astype(np.int64)
    aside = np.union1d(empty, list(dropped)).astype(np.int64)
    frequent = _frequent(sample, aside) if find_fill else []
    valid = np.ones(cube.shape[:2], np.bool_)
    if not can_miss and not frequent:
        return Scan(valid, (), _is_constant(cube, aside), digest.hexdigest())
    equal = np.zeros((len(frequent), *cube.shape[:2]), np.bool_)
    first: npt.NDArray[np.generic] | None = None
    constant, beyond = True, 0
    for top, strip in strips(cube):
        rows = slice(top, top + len(strip))
        lost = missing(strip, *nodata, find_fill=find_fill)
        lost[..., aside] = False
        here = ~lost.any(axis=2)
        if find_fill and strip.dtype.kind == "f" and not here.all():
            beyond += int((lost & ~missing(strip, *nodata, find_fill=False)).any(axis=2).sum())
        if mask is not None:
            here &= mask[rows]
        valid[rows] = here
        if constant and here.any():
            spectra = np.delete(strip[here], aside, axis=1)
            first = spectra[0] if first is None else first
            constant = bool((spectra == first).all())
        kept = np.delete(strip, aside, axis=2) if frequent else strip
        for found, spectrum in zip(equal, frequent, strict=True):
            found[rows] = here & (kept == spectrum).all(axis=2)
    repeated = []
    for found, spectrum in zip(equal, frequent, strict=True):
        if not constant and found.sum() >= max(_MANY, _SHARE * found.size):
            is_fill = spectrum.size >= _FLAT and bool((spectrum == spectrum[0]).all())
            repeated.append(Repeated(float(spectrum[0]), int(found.sum()), is_fill))
            if is_fill:
                valid &= ~found
    return Scan(valid, tuple(empty.tolist()), constant, digest.hexdigest(), tuple(repeated), beyond)


def _drawn(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Flat indices of the sampled pixels, in order."""
    n = shape[0] * shape[1]
    if n <= _SAMPLE:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, _SAMPLE, replace=False))


def _frequent(
    sample: list[tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]], aside: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.generic]]:
    """The few spectra that stand most often in the sample, if that is often."""
    whole = np.concatenate([np.delete(present, aside, axis=1).all(axis=1) for _, present in sample])
    spectra = np.ascontiguousarray(np.concatenate([np.delete(values, aside, axis=1) for values, _ in sample])[whole])
    if not spectra.size:
        return []
    bits = spectra.view(np.dtype((np.void, spectra.dtype.itemsize * spectra.shape[1]))).ravel()
    _, at, counts = np.unique(bits, return_index=True, return_counts=True)
    most = [place for place in np.argsort(-counts)[:_FEW] if counts[place] >= max(2, _SHARE / 2 * len(whole))]
    return [spectra[at[place]] for place in most]


def strips(cube: npt.NDArray[np.generic]) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """(first row, contiguous rows in native byte order) of an (H, W, C) cube, about 16 MiB at a time."""
    height, width, bands = cube.shape
    rows = max(1, _STRIP_BYTES // max(1, width * bands * cube.dtype.itemsize))
    native = cube.dtype.newbyteorder("=")
    for top in range(0, height, rows):
        yield top, np.ascontiguousarray(cube[top : top + rows], dtype=native)
        release(cube)


def missing(values: npt.NDArray[np.generic], *nodata: float, find_fill: bool = True) -> npt.NDArray[np.bool_]:
    """Which values are no data, by themselves."""
    lost = np.zeros(values.shape, np.bool_)
    if values.dtype.kind == "f":
        lost = ~(np.abs(values) <= _LARGEST) if find_fill else ~np.isfinite(values)
    for value in nodata:
        if np.isfinite(value):
            # a float32 cube holds the float32 nearest to the value that the header names
            lost |= values == (np.float32(value) if values.dtype == np.float32 else value)
    return lost


def _is_constant(cube: npt.NDArray[np.generic], aside: npt.NDArray[np.int64]) -> bool:
    first = np.delete(cube[0, 0], aside)
    return all(bool((np.delete(strip, aside, axis=2) == first).all()) for _, strip in strips(cube))

"""The range of values that a model was trained on, and whether a scene lies in it: a factor between them shows nowhere
else, and makes every class a guess."""

import numpy as np
import numpy.typing as npt

from hsiauto.split.model import Pixels

Range = tuple[tuple[float, ...], tuple[float, ...]]
"""0.1 % and 99.9 % of each band."""

_PERCENT = (0.1, 99.9)
_MOST_PIXELS = 20_000
"""Pixels that are looked at, evenly over all."""
_SQUEEZED = 0.02
"""A band whose values spread over less than this share of the training's range is in another unit, even within it."""
_ENOUGH = 100
"""Pixels below which a spread says nothing."""
Array = npt.NDArray[np.float64]
_FACTORS = (*(10.0**k for n in range(1, 7) for k in (n, -n)), 255.0, 1 / 255, 65535.0, 1 / 65535)


def training_range(cube: npt.NDArray[np.generic], pixels: Pixels) -> Range:
    """The range of `cube` (H, W, C) at training `pixels`, flat indices."""
    low, high = np.percentile(_spectra(cube, pixels), _PERCENT, axis=0)
    return tuple(low.tolist()), tuple(high.tolist())


def why_outside(trained: Range, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> str:
    """That most valid pixels of `cube` lie outside the range in most bands, and the factor that explains it, if one
    does; empty: they do not."""
    spectra = _spectra(cube, np.flatnonzero(valid))
    low, high = np.array(trained[0]), np.array(trained[1])
    share = _share_outside(spectra, low, high)
    if not len(spectra) or share <= 0.5:
        return ""
    band = len(low) // 2
    here = np.percentile(spectra[:, band], _PERCENT)
    told = (
        f"{share:.0%} of the pixels lie outside the range of the training: band {band + 1} has {here[0]:.5g} to "
        f"{here[1]:.5g}, in training {low[band]:.5g} to {high[band]:.5g}; the map cannot be trusted"
    )
    explain = [factor for factor in _FACTORS if _share_outside(spectra * factor, low, high) <= 0.5]
    if not explain:
        return told
    spread = np.subtract(*np.percentile(spectra, _PERCENT[::-1], axis=0))
    best = min(explain, key=lambda factor: np.median(np.abs(factor * spread - (high - low))))
    return f"{told}. Multiplied by {best:.6g} they lie inside: give the scene in the unit of the training"


def _share_outside(spectra: Array, low: Array, high: Array) -> float:
    """The share of pixels of which most bands lie outside; bands without a range do not count."""
    counted = high > low
    if not counted.any() or not len(spectra):
        return 0.0
    here = np.percentile(spectra, _PERCENT, axis=0)
    squeezed = (len(spectra) >= _ENOUGH) & (here[1] - here[0] < _SQUEEZED * (high - low))
    outside = (spectra < low) | (spectra > high) | squeezed
    return float((outside[:, counted].mean(axis=1) > 0.5).mean())


def _spectra(cube: npt.NDArray[np.generic], pixels: Pixels) -> Array:
    """(N, C) of some of `pixels`."""
    some = pixels[:: max(1, -(-len(pixels) // _MOST_PIXELS))]
    rows, columns = np.divmod(some, cube.shape[1])
    return np.asarray(cube[rows, columns], np.float64)

"""Wavelengths in nm, whatever a file calls them, and the bands of a false-colour picture."""

from collections.abc import Sequence

import numpy as np

RGB_NM = (640.0, 550.0, 460.0)
"""Centres of the red, green and blue bands of a picture."""
_NEAR_NM = 40.0
"""A band further off than this does not show the colour."""
_NM_PER_UNIT = {"nanometers": 1.0, "nanometer": 1.0, "nm": 1.0, "micrometers": 1e3, "micrometer": 1e3, "um": 1e3}
_NM_PER_UNIT |= {"µm": 1e3, "μm": 1e3, "microns": 1e3, "micron": 1e3, "mm": 1e6, "millimeters": 1e6, "angstroms": 0.1}
_WAVENUMBER = {"wavenumber", "cm-1", "1/cm"}


def to_nm(values: Sequence[float], unit: str | None) -> tuple[tuple[float, ...] | None, str | None]:
    """(wavelengths in nm or None, note or None).

    A unit that no file may be asked to guess ("Index", "GHz") gives None and a note; an absent one is taken from the
    size of the values, with a note: no optical sensor confuses 0.2..30 micrometres with 200..30,000 nanometres.
    """
    array = np.asarray(values, dtype=float)
    if not array.size or not np.isfinite(array).all() or (array <= 0).any():
        return None, "wavelengths of the file ignored: not all are positive numbers"
    name = (unit or "").strip().lower()
    if name in _NM_PER_UNIT:
        return tuple((array * _NM_PER_UNIT[name]).tolist()), None
    if name in _WAVENUMBER:
        return tuple((1e7 / array).tolist()), None
    if name in ("", "unknown"):
        if array.min() >= 200 and array.max() <= 30_000:
            return tuple(array.tolist()), "the file names no unit of its wavelengths: taken as nm by their size"
        if array.min() >= 0.2 and array.max() <= 30:
            nm = tuple((array * 1e3).tolist())
            return nm, "the file names no unit of its wavelengths: taken as micrometres by their size"
    return None, f"wavelengths of the file ignored: unit {unit!r} is no length"


def rgb_bands(n_bands: int, wavelengths_nm: Sequence[float] | None) -> tuple[int, int, int]:
    """0-based bands nearest to red, green and blue; spread evenly if the wavelengths do not show these colours."""
    if wavelengths_nm is not None:
        offset = np.abs(np.asarray(wavelengths_nm)[:, None] - np.asarray(RGB_NM))
        nearest = offset.argmin(axis=0)
        if len(set(nearest.tolist())) == 3 and offset.min(axis=0).max() <= _NEAR_NM:
            red, green, blue = (int(band) for band in nearest)
            return red, green, blue
    return 3 * n_bands // 4, n_bands // 2, n_bands // 4

"""MATLAB files: v4 to v7 through SciPy, v7.3 (HDF5) through h5py."""

import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from hsiauto.errors import UserError, shown
from hsiauto.scene.readers.stored import Stored, unreadable

_NUMERIC = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
# What SciPy and h5py raise on files that are cut off or something else altogether.
_BROKEN = (MatReadError, ValueError, TypeError, LookupError, EOFError, OSError, zlib.error, struct.error, RuntimeError)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape, in MATLAB's order of axes, of each numeric array. Raises UserError on a foreign file."""
    try:
        if h5py.is_hdf5(path):
            return _hdf5_shapes(path)
        return {name: shape for name, shape, kind in scipy.io.whosmat(path) if kind in _NUMERIC}
    except UserError:
        raise
    except _BROKEN as error:
        raise _foreign(path, error) from error


def read(path: Path, key: str) -> Stored:
    """The array `key` in MATLAB's order of axes. Raises UserError on a truncated file."""
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                # MATLAB is column-major, HDF5 row-major: v7.3 stores every array with its axes reversed
                return Stored(file[key][()].T)
        return Stored(np.asarray(scipy.io.loadmat(path, variable_names=[key])[key]))
    except _BROKEN as error:
        raise _foreign(path, error) from error


def _hdf5_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape. Raises UserError for what HDF5 would read out of another file, which may be any."""
    found: dict[str, tuple[int, ...]] = {}
    elsewhere: list[str] = []

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:  # before its shape, for which other files may be opened
                elsewhere.append(name)
            elif item.dtype.kind in "iufb" and not name.startswith("#"):
                found[name] = tuple(int(n) for n in reversed(item.shape))

    def visit_link(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            elsewhere.append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
        file.visititems_links(visit_link)
    if elsewhere:
        received = f"{shown(elsewhere[0])}, which is stored in another file"
        raise UserError(f"{path} must hold its arrays itself", received, "Copy the values into one file")
    return found


def _foreign(path: Path, error: Exception) -> UserError:
    return UserError(
        "a .mat file must be a whole MATLAB file", unreadable(path, "MATLAB file", error), "Copy or download it again"
    )

"""MATLAB files: v4 to v7 through SciPy, v7.3 (HDF5) through h5py."""

import math
import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from hsiauto.errors import UserError
from hsiauto.scene.memory import require
from hsiauto.scene.readers.hdf5 import arrays
from hsiauto.scene.readers.stored import Stored, unreadable

_NUMERIC = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
# What SciPy and h5py raise on files that are cut off or something else altogether.
_BROKEN: tuple[type[Exception], ...] = (
    *(MatReadError, ValueError, TypeError, LookupError, EOFError, OSError, OverflowError, RuntimeError),
    *(zlib.error, struct.error, NotImplementedError),
)
_HEAD = 4096
"""Bytes within which the description of an array ends: its name has 63 letters at most."""
_MATRIX, _COMPRESSED, _OPAQUE, _COMPLEX = 14, 15, 17, 0x800
_COPIES = 2
"""MATLAB's order of axes is turned: a cube is held twice for a moment."""


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape, in MATLAB's order of axes, of each numeric array. Raises UserError on a foreign file."""
    try:
        if h5py.is_hdf5(path):
            return _hdf5_shapes(path)
        _stored_bytes(path)
        return {name: shape for name, shape, kind in scipy.io.whosmat(path) if kind in _NUMERIC}
    except UserError:
        raise
    except _BROKEN as error:
        raise _foreign(path, error) from error


def read(path: Path, key: str) -> Stored:
    """The array `key` in MATLAB's order of axes. Raises UserError on a truncated file, and for an array that memory
    does not hold."""
    what = f"{key} of {path}"
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                # MATLAB is column-major, HDF5 row-major: v7.3 stores every array with its axes reversed
                dataset = file[key]
                chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
                require(_COPIES * math.prod(dataset.shape) * dataset.dtype.itemsize + chunk, what)
                return Stored(dataset[()].T)
        require(_COPIES * _stored_bytes(path).get(key, 0), what)
        return Stored(np.asarray(scipy.io.loadmat(path, variable_names=[key])[key]))
    except UserError:
        raise
    except _BROKEN as error:
        raise _foreign(path, error) from error


def _stored_bytes(path: Path) -> dict[str, int]:
    """Name -> bytes that an array of a v5 file unpacks to, as its own header says; none of them for v4, which stores
    arrays as they are. SciPy takes header and names on trust, and a megabyte may unpack to gigabytes.

    Raises ValueError for a description that does not end where it should.
    https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
    """
    found: dict[str, int] = {}
    with path.open("rb") as file:
        if 0 in file.read(4):  # v4 begins with numbers below 5000
            return found
        file.seek(126)
        order = "<" if file.read(2) == b"IM" else ">"
        while tag := file.read(8):
            kind, size = struct.unpack(f"{order}II", tag)
            after = file.tell() + size
            head = file.read(min(size, _HEAD))
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(head, _HEAD)
                kind, head = struct.unpack(f"{order}I", head[:4])[0], head[8:]
            if kind != _MATRIX or not size:
                raise ValueError("an element that is no array")
            flags, place = struct.unpack_from(f"{order}I", head, 8)[0], 16
            if flags & 0xFF != _OPAQUE:
                _, place, _ = _element(head, place, order)  # dimensions
            name, place, _ = _element(head, place, order)
            if place < len(head):
                _, _, stored = _element(head, place, order, whole=False)
                key = name.decode("latin1")
                found[key] = max(found.get(key, 0), stored * (2 if flags & _COMPLEX else 1))
            file.seek(after)
    return found


def _element(head: bytes, place: int, order: str, whole: bool = True) -> tuple[bytes, int, int]:
    """(content, place of what follows, bytes) of the element at `place`. Raises ValueError if `head` ends before it."""
    kind, size = struct.unpack_from(f"{order}II", head, place)
    begin = place + 8
    if kind >> 16:  # up to four bytes within the tag itself
        begin, size = place + 4, kind >> 16
    end = begin + size
    if whole and end > len(head):
        raise ValueError("a description that is too long")
    return head[begin:end], place + 8 if kind >> 16 else end + -size % 8, size


def _hdf5_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape. Raises UserError for what HDF5 would read out of another file, which may be any."""
    with h5py.File(path) as file:
        return {
            name: tuple(int(n) for n in reversed(dataset.shape))
            for name, dataset in arrays(file, path).items()
            if dataset.dtype.kind in "iufb" and not name.startswith("#")
        }


def _foreign(path: Path, error: Exception) -> UserError:
    return UserError(
        "a .mat file must be a whole MATLAB file", unreadable(path, "MATLAB file", error), "Copy or download it again"
    )

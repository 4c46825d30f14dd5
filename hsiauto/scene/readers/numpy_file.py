"""NumPy files: .npy memory-mapped, .npz read. Pickled objects are refused: a data file must not execute anything."""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from hsiauto.errors import UserError
from hsiauto.scene.readers.stored import Stored, unreadable

_BROKEN = (ValueError, EOFError, OSError, LookupError, zipfile.BadZipFile, zlib.error, SyntaxError, tokenize.TokenError)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each array; that of an .npy file is named by its stem. Raises UserError on a foreign file."""
    try:
        if path.suffix.lower() == ".npy":
            return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False).shape}
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): _npz_shape(archive, name)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except _BROKEN as error:
        raise _foreign(path, error) from error


def read(path: Path, key: str) -> Stored:
    """The array `key`. Raises UserError on a truncated file."""
    try:
        if path.suffix.lower() == ".npy":
            return Stored(np.load(path, mmap_mode="r", allow_pickle=False))
        with np.load(path, allow_pickle=False) as archive:
            return Stored(archive[key])
    except _BROKEN as error:
        raise _foreign(path, error) from error


def _npz_shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as member:  # the header alone: shapes must not cost a decompression
        version = np.lib.format.read_magic(member)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return tuple(int(n) for n in header(member)[0])


def _foreign(path: Path, error: Exception) -> UserError:
    return UserError(
        "a .npy or .npz file must be a whole NumPy file of numbers",
        unreadable(path, "NumPy file", error),
        "Write it again with numpy.save or numpy.savez",
    )

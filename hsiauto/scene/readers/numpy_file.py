"""NumPy files: .npy memory-mapped, .npz read. Pickled objects are refused: a data file must not execute anything."""

import lzma
import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.memory import mapping, require
from hsiauto.scene.readers.stored import Stored, unreadable

_BROKEN: tuple[type[Exception], ...] = (
    *(ValueError, TypeError, EOFError, OSError, LookupError, OverflowError, RecursionError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, SyntaxError, tokenize.TokenError, RuntimeError),
)


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each array; that of an .npy file is named by its stem. Raises UserError on a foreign file."""
    try:
        if path.suffix.lower() == ".npy":
            return {path.stem: _mapped(path).shape}
        with zipfile.ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): _member(archive, name)[0]
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except _BROKEN as error:
        raise _foreign(path, error) from error


def read(path: Path, key: str) -> Stored:
    """The array `key`. Raises UserError on a truncated file, and for an array that memory does not hold."""
    try:
        if path.suffix.lower() == ".npy":
            return Stored(_mapped(path))
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{key}.npy")
            shape, dtype = _member(archive, member.filename)
            require(math.prod(shape) * dtype.itemsize, f"{key} of {path}")
            with archive.open(member) as file:
                return Stored(np.lib.format.read_array(file, allow_pickle=False))
    except UserError:
        raise
    except _BROKEN as error:
        raise _foreign(path, error) from error


def _mapped(path: Path) -> npt.NDArray[np.generic]:
    with path.open("rb") as file:
        shape, dtype = _header(file)
        if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize > path.stat().st_size:
            raise ValueError(f"fewer bytes than its header's {'x'.join(map(str, shape))} numbers")
    with mapping(path):
        mapped: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def _member(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    with archive.open(name) as file:
        return _header(file)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type: of an .npz they must not cost a decompression."""
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    return tuple(int(n) for n in shape), dtype


def _foreign(path: Path, error: Exception) -> UserError:
    return UserError(
        "a .npy or .npz file must be a whole NumPy file of numbers",
        unreadable(path, "NumPy file", error),
        "Write it again with numpy.save or numpy.savez",
    )

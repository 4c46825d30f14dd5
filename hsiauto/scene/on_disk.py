"""Cubes that stay in their files, read-only and memory-mapped, because they are larger than memory."""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.memory import available, mapping

_SHARE = 4
"""A cube of more than this part of the memory that is left stays where it is."""

Cube = npt.NDArray[np.generic]


@dataclass(frozen=True)
class MappedFile:
    """A view of a file: what a process is told instead of the values."""

    path: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, cube: Cube) -> Self | None:
        """The file that `cube` is a view of; None for an array in memory, and for a map that may hold changes."""
        root = _root(cube)
        if root is None or root.mode != "r" or root.filename is None:
            return None
        offset = root.offset + cube.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        return cls(str(root.filename), cube.dtype.str, offset, cube.shape, cube.strides)

    def open(self) -> Cube:
        """The view again. Raises UserError if the file is not there, or has become shorter."""
        try:
            with mapping(Path(self.path)):
                content = np.memmap(self.path, np.uint8, "r")
            return np.ndarray(self.shape, np.dtype(self.dtype), content, self.offset, self.strides)
        except (OSError, ValueError, TypeError) as error:
            rule = f"{self.path}, which is larger than memory, must be whole, and in the same place on every node"
            raise UserError(rule, str(error), "Share its folder, or search on one machine.") from error


def stays_on_disk(cube: Cube) -> bool:
    """Whether `cube` is a view of a file, and too large to be copied."""
    return cube.nbytes * _SHARE > available() and MappedFile.of(cube) is not None


def shared_bytes(cube: Cube) -> int:
    """Bytes that processes share of a cube."""
    return 0 if stays_on_disk(cube) else int(cube.nbytes)


def release(cube: Cube) -> None:
    """Let go of the pages of a file that `cube` maps read-only; they would count as this process's memory.

    Does nothing for an array in memory, and if pages may hold changes that the file does not.
    """
    root = _root(cube)
    pages: Any = None if root is None or root.mode != "r" else root.base
    if isinstance(pages, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def _root(cube: Cube) -> np.memmap[Any, Any] | None:
    """The map that `cube` is a view of."""
    found, base = None, cube
    while isinstance(base, np.ndarray):
        found = base if isinstance(base, np.memmap) else found
        base = base.base  # type: ignore[assignment]
    return found

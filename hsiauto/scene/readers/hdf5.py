"""HDF5, to which NetCDF-4 and HDF-EOS5 belong: what of a file lies in another one is refused before that is opened."""

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, shown
from hsiauto.scene.memory import mapping, require


def arrays(file: h5py.File, path: Path) -> dict[str, h5py.Dataset]:
    """Name -> every array of an open file. Raises UserError if one is stored elsewhere, which may be any file."""
    found: dict[str, h5py.Dataset] = {}
    elsewhere: list[str] = []

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:  # before its shape, for which other files may be opened
                elsewhere.append(name)
            else:
                found[name] = item

    def visit_link(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            elsewhere.append(name)

    try:
        file.visititems(visit)
        file.visititems_links(visit_link)
    except (SystemError, UnicodeDecodeError) as error:  # what h5py makes of a name that is no UTF-8
        raise UserError(f"the names in {path} must be UTF-8", error, "Export it again") from error
    if elsewhere:
        received = f"{shown(elsewhere[0])}, which is stored in another file"
        raise UserError(f"{path} must hold its arrays itself", received, "Copy the values into one file")
    return found


def text(value: Any) -> str:
    """A text of an attribute or an array, however it was stored."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def cube_of(dataset: h5py.Dataset, path: Path, axes: tuple[int, int, int]) -> npt.NDArray[np.generic]:
    """(H, W, C) of three stored axes, `axes`: rows, columns and bands; memory-mapped if it lies in one piece.

    Raises UserError for what memory does not hold.
    """
    mapped = _mapped(dataset, path)
    if mapped is not None:
        return mapped.transpose(axes)
    each = math.prod(dataset.shape[1:]) * dataset.dtype.itemsize
    step = dataset.chunks[0] if dataset.chunks else 1
    require((dataset.shape[0] + step) * each, f"{dataset.name} of {path}")
    out = np.empty([dataset.shape[axis] for axis in axes], dataset.dtype.newbyteorder("="))
    as_stored = out.transpose(np.argsort(axes))
    for start in range(0, dataset.shape[0], step):
        as_stored[start : start + step] = dataset[start : start + step]
    return out


def _mapped(dataset: h5py.Dataset, path: Path) -> npt.NDArray[np.generic] | None:
    """A read-only view of a dataset on disk; None if it is packed, in pieces, or not wholly there."""
    offset = dataset.id.get_offset()
    if offset is None or dataset.file.userblock_size or dataset.id.get_create_plist().get_nfilters():
        return None
    if offset + dataset.id.get_storage_size() > path.stat().st_size:
        return None
    with mapping(path):
        mapped = np.memmap(path, dataset.dtype, "r", offset, dataset.shape)
    same = np.array_equal(mapped[0], dataset[0], equal_nan=dataset.dtype.kind == "f")
    return mapped if same else None

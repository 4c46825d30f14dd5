"""Readers by file type, behind one function.

The libraries of a format are imported when a file of it is read: a worker that is handed a scene needs none of them.
"""

import math
from pathlib import Path
from types import ModuleType

import numpy as np

from hsiauto.errors import UserError
from hsiauto.files import regular_file
from hsiauto.scene.memory import require, within_memory
from hsiauto.scene.readers.keys import Role, choose_key, fits
from hsiauto.scene.readers.no_image import TABLES, table, why_no_labels, why_none
from hsiauto.scene.readers.products import is_product
from hsiauto.scene.readers.stored import Stored
from hsiauto.settings import local

__all__ = ["Role", "Stored", "has_keys", "holds", "read"]

_KEYED = (".mat", ".npz", ".npy")
_RASTER = (".tif", ".tiff", ".vrt", ".hdr", ".img", ".dat", ".bil", ".bip", ".bsq", ".raw", ".bin", ".cube", "")


def has_keys(path: Path) -> bool:
    """Whether files of this type can hold several named arrays."""
    return path.suffix.lower() in (".mat", ".npz")


_LABEL_BYTES = 64
"""Bytes a pixel that the numbering of a label map takes."""


@within_memory("an array of a scene")
def read(path: Path, role: Role, key: str | None = None) -> Stored:
    """Read the cube or the label map of a file, by its suffix.

    `key` names the array in a .mat or .npz; None takes the only one of fitting shape. Raises UserError if the file
    is missing, foreign or truncated, the choice is open, the array holds no real numbers, or memory does not hold it.
    """
    regular_file(local(path))
    suffix = path.suffix.lower()
    if suffix in _KEYED:
        stored = _read_keyed(path, role, key)
    elif (product := is_product(path)) or _is_raster(path):
        if key is not None:
            raise UserError("an array is named only in a .mat or .npz file", f"{key!r} for {path}", "Leave the key out")
        from hsiauto.scene.readers import products, raster

        stored = (products if product else raster).read(path)
    elif suffix in TABLES:
        raise table(path)
    else:
        known = ".mat, .npy, .npz, .tif, .vrt, .hdr (ENVI, or its data file), products as .nc, .he5, .h5, METADATA.XML"
        raise UserError("a scene's file must be of a known type", path, f"Known: {known}")
    if stored.array.dtype.kind not in "iufb":
        raise UserError("arrays must hold real numbers", f"{stored.array.dtype} in {path}", "Convert it")
    if not fits(stored.array.shape, role):
        if role == "labels" and (error := why_no_labels(path, {"its array": stored.array.shape})):
            raise error
        what = "three axes" if role == "cube" else "two axes"
        raise UserError(f"the {role} must have {what}", f"{stored.array.shape} in {path}", "Name another file or key")
    if role == "labels":
        require(_LABEL_BYTES * stored.array.size, f"the classes of {path}")
    return stored


def _is_raster(path: Path) -> bool:
    beside = (path.with_suffix(".hdr"), path.with_name(path.name + ".hdr"))
    return path.suffix.lower() in _RASTER or any(header.is_file() for header in beside)


def holds(path: Path, role: Role) -> bool:
    """Whether a .mat or .npz file has an array of fitting shape."""
    regular_file(local(path))
    return any(fits(shape, role) for shape in _keyed(path).shapes(path).values())


def _read_keyed(path: Path, role: Role, key: str | None) -> Stored:
    module = _keyed(path)
    shapes = module.shapes(path)

    def scalar(name: str) -> float | None:
        if math.prod(shapes[name]) != 1:
            return None
        value = module.read(path, name).array
        return float(value.ravel()[0]) if value.dtype.kind in "iuf" else None

    if (key is None or key in shapes) and (error := why_none(path, role, shapes, scalar)):
        raise error
    stored = module.read(path, choose_key(path, shapes, key, role))
    if stored.array.dtype == np.bool_:
        return Stored(stored.array.view(np.uint8))
    return stored


def _keyed(path: Path) -> ModuleType:
    """The module whose `shapes(path)` and `read(path, key)` read this type."""
    from hsiauto.scene.readers import matlab, numpy_file

    return matlab if path.suffix.lower() == ".mat" else numpy_file

"""Class probabilities of a training at pixels that did not train it, kept in the run folder for a resume."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.files import atomic_path, regular_file, writing
from hsiauto.scene.readers import numpy_file
from hsiauto.split.model import Pixels

Half = npt.NDArray[np.float16]


def save(path: Path, pixels: Pixels, p_NK: Half) -> None:
    """Keep the probabilities (N, n_classes) at `pixels` in `path`, which ends in .npz; its folder is made."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, pixels=pixels, probabilities=p_NK)


def load(path: Path, pixels: Pixels, n_classes: int) -> Half | None:
    """What `save` kept; None if it is not there, cannot be read, or is not of these pixels and classes."""
    try:
        regular_file(path)
        found = numpy_file.read(path, "pixels").array
        p_NK = numpy_file.read(path, "probabilities").array
    except UserError:
        return None
    whole = p_NK.dtype == np.float16 and p_NK.shape == (len(pixels), n_classes) and np.array_equal(found, pixels)
    return p_NK.astype(np.float16) if whole and bool(np.isfinite(p_NK).all()) else None

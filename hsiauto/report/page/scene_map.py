"""map.npz: the winner's map as data, with the scene's picture and its ground truth beside it."""

import base64
import zipfile
import zlib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.files import atomic_path

MOST_SIDE = 1024
"""Pixels of the longer side on a page; a larger map is thinned out."""

_LAYERS = ("truth", "side", "classes", "confidence", "dissimilarity", "disagreement")


@dataclass(frozen=True, eq=False)
class SceneMap:
    """What was drawn in map.png. Classes are numbered as in the scene: 0 is none."""

    false_colour: npt.NDArray[np.uint8]
    """(H, W, 3)."""
    valid: npt.NDArray[np.bool_]
    """(H, W): whether the pixel has data."""
    truth: npt.NDArray[np.uint16]
    """(H, W): the label."""
    side: npt.NDArray[np.uint8]
    """(H, W): 0 not used, 1 may train, 2 tests."""
    classes: npt.NDArray[np.uint16]
    """(H, W): the predicted class."""
    confidence: npt.NDArray[np.uint8]
    """(H, W): its probability, 255 is 1."""
    names: npt.NDArray[np.str_]
    """(K,): names of the scene's classes; class k is names[k - 1]."""
    dissimilarity: npt.NDArray[np.uint8] | None = None
    """(H, W): 100 is the border of the model's area of applicability; no value beyond 255. None: not compared."""
    disagreement: npt.NDArray[np.uint8] | None = None
    """(H, W): how many different classes the best models of the run name; 0 without data. None: not asked."""

    def save(self, path: Path) -> None:
        """Write it whole or not at all. Raises UserError if it cannot be written."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **self._arrays())

    @classmethod
    def load(cls, path: Path) -> "SceneMap | None":
        """The map at `path`; None if there is none, or none that fits together."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {
                    field.name: stored[field.name]
                    for field in fields(cls)
                    if field.default is MISSING or field.name in stored
                }
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        sizes = {array.shape[:2] for name, array in arrays.items() if name != "names"}
        fits = len(sizes) == 1 and arrays["false_colour"].ndim == 3 and arrays["names"].ndim == 1
        return cls(**arrays) if fits else None

    def layers(self) -> dict[str, Any]:
        """The layers as a page takes them: base64 of zlib of their bytes, row by row."""
        height, width = self.valid.shape
        step = -(-max(height, width) // MOST_SIDE)
        thin = (slice(None, None, step),) * 2
        rgba = np.dstack([self.false_colour, np.where(self.valid, 255, 0).astype(np.uint8)])[thin]
        return {
            "height": rgba.shape[0],
            "width": rgba.shape[1],
            "step": step,
            **{name: _packed(array[thin]) for name, array in self._arrays().items() if name in _LAYERS},
            "picture": _packed(rgba),
        }

    def _arrays(self) -> dict[str, Any]:
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in arrays.items() if array is not None}


def _packed(array: npt.NDArray[Any]) -> str:
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(zlib.compress(np.ascontiguousarray(little).tobytes(), 9)).decode()

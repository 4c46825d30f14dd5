"""Inference on a whole scene, and its speed; the device that a trained model runs on.

A scene is read strip by strip, so that memory does not grow with its height. A strip is read with the rows that the
model's config names around it, so that cutting changes no prediction.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.models.applicability import Applicability
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.scene.memory import require
from hsiauto.scene.on_disk import release
from hsiauto.split.seal import TrialData

STRIP_BYTES = 32 << 20
"""Bytes of a strip in float32, margin included. A strip is thicker if the support is large, so that at most half of the
work goes into margins."""

_MAP_BYTES = 20
"""Bytes a pixel of classes, confidence and dissimilarity, and of their values and colours when they are written."""

Progress = Callable[[int, int], None]
"""(rows done, rows in all)."""


@dataclass(frozen=True)
class Prediction:
    """The classes and confidences of a model for every pixel of a scene."""

    classes: npt.NDArray[np.int16]
    """(H, W): k = the model's k-th class, 1-based; 0 = no data."""
    confidence: npt.NDArray[np.float32]
    """(H, W): probability of that class; 0 without data."""
    probabilities: npt.NDArray[np.float32] | None = None
    """(K, H, W): probability of each class, 0 without data, if they were asked for."""
    dissimilarity: npt.NDArray[np.float32] | None = None
    """(H, W): that of `Applicability`, at most 1 within the model's area; NaN without data; if it was asked for."""

    @property
    def share_applicable(self) -> float | None:
        """Share of the pixels with data that lie within the model's area; None if that was not asked for."""
        if self.dissimilarity is None:
            return None
        known = self.dissimilarity[np.isfinite(self.dissimilarity)]
        return float((known <= 1).mean()) if len(known) else None


class Strip(NamedTuple):
    """Rows to predict, and the rows to read for it."""

    start: int
    stop: int
    top: int
    bottom: int


def predict_scene(
    fitted: Fitted,
    cube: npt.NDArray[np.generic],
    valid: npt.NDArray[np.bool_],
    progress: Progress | None = None,
    strip_rows: int | None = None,
    keep_probabilities: bool = False,
    applicability: Applicability | None = None,
) -> Prediction:
    """Class and confidence of every valid pixel of `cube` (H, W, C), which may be memory-mapped.

    `strip_rows`: rows predicted at a time; None: as many as `STRIP_BYTES` hold. Beside one strip, memory holds the
    result and the mask, 7 bytes a pixel, and 4 more for each class with `keep_probabilities`. applicability: what every
    pixel is compared with; None: with nothing.

    Raises UserError if the cube does not have the bands that the model was trained on, and for a map that memory does
    not hold.
    """
    height, width, n_bands = cube.shape
    if n_bands != fitted.n_bands:
        raise UserError(
            f"the scene must have the {fitted.n_bands} bands that the model was trained on",
            f"{n_bands} bands",
            "Give a scene of the same sensor with the same bands left out.",
        )
    if valid.shape != (height, width):
        raise UserError("cube and mask must have the same size", f"{(height, width)} and {valid.shape}")
    each = _MAP_BYTES + (2 * 4 * fitted.n_classes if keep_probabilities else 0)  # twice: once more to be written
    require(each * height * width, "the map of a scene")
    classes = np.zeros((height, width), np.int16)
    confidence = np.zeros((height, width), np.float32)
    every = np.zeros((fitted.n_classes, height, width), np.float32) if keep_probabilities else None
    dissimilarity = np.full((height, width), np.nan, np.float32) if applicability is not None else None
    rows = strip_rows or max(STRIP_BYTES // (4 * width * n_bands) - 2 * fitted.support, 2 * fitted.support, 1)
    for strip in strips(height, rows, fitted.config):
        inside = np.flatnonzero(valid[strip.start : strip.stop])
        if len(inside):
            read = slice(strip.top, strip.bottom)
            places = inside + (strip.start - strip.top) * width
            p = fitted.probabilities(cube[read], valid[read], places)
            classes[strip.start : strip.stop].reshape(-1)[inside] = p.argmax(axis=1) + 1
            confidence[strip.start : strip.stop].reshape(-1)[inside] = p.max(axis=1)
            if every is not None:
                every[:, strip.start : strip.stop].reshape(fitted.n_classes, -1)[:, inside] = p.T
            if applicability is not None and dissimilarity is not None:
                told = applicability.dissimilarity(fitted, cube[read], valid[read], places)
                dissimilarity[strip.start : strip.stop].reshape(-1)[inside] = told
            release(cube)
        if progress is not None:
            progress(strip.stop, height)
    return Prediction(classes, confidence, every, dissimilarity)


def strips(height: int, rows: int, config: FamilyConfig) -> Iterator[Strip]:
    """Cut `height` rows into strips of `rows`, each with the rows that `config` needs to predict it."""
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        yield Strip(start, stop, *config.rows_read(start, stop, height))


TIMED_SIDE = 64
"""Side in pixels of the block that inference is timed on; larger if a model reads further."""


def seconds_a_pixel(fitted: Fitted, data: TrialData) -> float:
    """Seconds a pixel of a map, timed on a block amid the scene, so that preprocessing counts for it alone; NaN without
    valid pixels.

    Scattered pixels would be charged with the whole scene's preprocessing and, for families that label whole blocks in
    one pass, with pixels that nobody asked for.
    """
    side = max(TIMED_SIDE, 2 * fitted.support + 1)
    corner = [(size - min(side, size)) // 2 for size in data.valid.shape]
    block = tuple(slice(start, start + side) for start in corner)
    cube, valid = np.ascontiguousarray(data.cube[block]), data.valid[block]
    pixels = np.flatnonzero(valid)
    if not len(pixels):
        return math.nan
    clock = time.perf_counter()
    fitted.probabilities(cube, valid, pixels)
    return (time.perf_counter() - clock) / len(pixels)


def on_fastest_device(fitted: Fitted) -> Fitted:
    """`fitted`, its networks on the GPU if there is one."""
    if isinstance(fitted, EnsembleFitted):
        return replace(fitted, members=tuple(on_fastest_device(member) for member in fitted.members))
    if isinstance(fitted, TorchFitted) and torch.cuda.is_available():
        return fitted.to("cuda")
    return fitted

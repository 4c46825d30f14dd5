"""Inference on a whole scene, strip by strip: memory does not grow with the scene's height.

A strip is read with the rows that the model's config names around it, so that cutting changes no prediction.
"""

import math
import mmap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.split.seal import TrialData

STRIP_BYTES = 32 << 20
"""Of a strip in float32, margin included. A strip is thicker where the support is large, so that at most half of the
work goes into margins."""

Progress = Callable[[int, int], None]
"""(rows done, rows in all)."""


@dataclass(frozen=True)
class Prediction:
    """What a model says about every pixel of a scene."""

    classes: npt.NDArray[np.int16]
    """(H, W): k = the model's k-th class, 1-based; 0 = no data."""
    confidence: npt.NDArray[np.float32]
    """(H, W): probability of that class; 0 where there is no data."""


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
) -> Prediction:
    """Class and confidence of every valid pixel of `cube` (H, W, C), which may be memory-mapped.

    `strip_rows`: rows predicted at a time; None: as many as `STRIP_BYTES` hold. Beside one strip, memory holds the
    result and the mask, 7 bytes a pixel.

    Raises UserError if the cube does not have the bands that the model was trained on.
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
    classes = np.zeros((height, width), np.int16)
    confidence = np.zeros((height, width), np.float32)
    rows = strip_rows or max(STRIP_BYTES // (4 * width * n_bands) - 2 * fitted.support, 2 * fitted.support, 1)
    for strip in strips(height, rows, fitted.config):
        inside = np.flatnonzero(valid[strip.start : strip.stop])
        if len(inside):
            read = slice(strip.top, strip.bottom)
            p = fitted.probabilities(cube[read], valid[read], inside + (strip.start - strip.top) * width)
            classes[strip.start : strip.stop].reshape(-1)[inside] = p.argmax(axis=1) + 1
            confidence[strip.start : strip.stop].reshape(-1)[inside] = p.max(axis=1)
            release(cube)
        if progress is not None:
            progress(strip.stop, height)
    return Prediction(classes, confidence)


def strips(height: int, rows: int, config: FamilyConfig) -> Iterator[Strip]:
    """Cut `height` rows into strips of `rows`, each with the rows that `config` needs to predict it."""
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        yield Strip(start, stop, *config.rows_read(start, stop, height))


def release(cube: npt.NDArray[np.generic]) -> None:
    """Let go of the pages of a file that `cube` maps read-only; they would count as this process's memory.

    Does nothing for an array in memory, and where pages may hold changes that the file does not.
    """
    base: object = cube
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode != "r":
            return
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


TIMED_SIDE = 64
"""Of the block of pixels, in pixels, that inference is timed on; larger where a model reads further."""


def seconds_a_pixel(fitted: Fitted, data: TrialData) -> float:
    """Of a map: all valid pixels in a block amid the scene, so that preprocessing counts for these alone. NaN: none.

    Scattered pixels would be charged with the whole scene's preprocessing, and with pixels that nobody asked for where
    a family labels whole blocks in one pass.
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
    """`fitted`, a network on the GPU where there is one."""
    if isinstance(fitted, TorchFitted) and torch.cuda.is_available():
        return fitted.to("cuda")
    return fitted

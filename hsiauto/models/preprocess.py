"""Preprocessing as one affine map, fitted on training pixels, or on all pixels of a scene if the config says so.

Standardisation, principal components, minimum noise fraction and whitening are all y = (x - mean) @ matrix, so that a
bundle stores two arrays and a prediction costs one matrix product, whatever the config asked for.

| symbol | meaning |
|---|---|
| H, W, C | rows, columns, bands of the cube |
| C' | channels after the map: bands or principal components |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.families.base import Reduction
from hsiauto.models.components import components_of, positive
from hsiauto.split.model import Pixels

_STRIP_VALUES = 4_000_000
"""Values of the cube that are in flight as float32 at a time: 16 MB."""
_MOST_PIXELS = 50_000
"""A covariance of a few hundred bands gains nothing from more; they are taken evenly from those given."""


@dataclass(frozen=True)
class Projection:
    """x (..., C) -> (x - mean) @ matrix (..., C'), float32."""

    mean: npt.NDArray[np.float32]
    """(C,)"""
    matrix: npt.NDArray[np.float32]
    """(C, C')"""

    @classmethod
    def fit(
        cls,
        cube: npt.NDArray[np.generic],
        pixels: Pixels,
        components: int,
        whiten: bool,
        reduction: Reduction = "pca",
        valid: npt.NDArray[np.bool_] | None = None,
    ) -> Self:
        """Fit on the spectra of `cube` (H, W, C) at `pixels`; for `mnf` on those of their neighbours too.

        components = 0: each band to mean 0 and standard deviation 1. components > 0: that many components by exact SVD,
        principal ones or those of the minimum noise fraction (`noise`); `whiten` gives each unit variance, otherwise
        all are divided by the first one's standard deviation. A band or component without variance keeps its scale, so
        nothing is divided by 0. `valid` (H, W): the neighbours that hold data; None: all of them.

        Raises UserError if there are more components than min(bands, pixels - 1).
        """
        pixels = pixels[:: max(1, -(-len(pixels) // _MOST_PIXELS))]
        n_pixels, n_bands = len(pixels), cube.shape[2]
        most = min(n_bands, n_pixels - 1)
        if components > max(most, 0):
            raise UserError(
                f"components must be at most min(bands, pixels - 1) = {most}",
                components,
                "Ask for fewer components, or for 0: all bands, standardised.",
            )
        if components == 0:
            spectra = _spectra(cube, pixels).astype(np.float64)
            mean: npt.NDArray[np.float64] = spectra.mean(axis=0)
            spectra -= mean
            matrix = np.diag(1.0 / positive(spectra.std(axis=0), instead=1.0))
        else:
            found = components_of(cube, pixels, reduction, valid)
            mean, deviations = found.mean, found.deviations
            first = float(positive(deviations[:1], instead=1.0)[0])
            scales = positive(deviations[:components], instead=first) if whiten else np.full(components, first)
            matrix = found.directions[:, :components] / scales
        return cls(mean.astype(np.float32), np.ascontiguousarray(matrix, dtype=np.float32))

    @property
    def n_bands(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def n_channels(self) -> int:
        """C': what a module is built for."""
        return int(self.matrix.shape[1])

    def __call__(self, x: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """(..., C) -> (..., C')."""
        centred = np.asarray(x, dtype=np.float32) - self.mean
        projected: npt.NDArray[np.float32] = np.matmul(centred, self.matrix)
        return projected

    def project_scene(self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        """The whole cube (H, W, C), possibly memory-mapped, -> (H, W, C'). Invalid pixels become 0."""
        height, width, n_bands = cube.shape
        if n_bands != self.n_bands:
            raise UserError(
                f"the cube must have the {self.n_bands} bands that the model was trained on",
                f"{n_bands} bands",
                "Give a cube of the same sensor with the same bands left out.",
            )
        projected = np.empty((height, width, self.n_channels), dtype=np.float32)
        rows = max(1, _STRIP_VALUES // max(1, width * n_bands))
        with np.errstate(invalid="ignore", over="ignore"):  # invalid pixels may hold anything
            for top in range(0, height, rows):
                projected[top : top + rows] = self(cube[top : top + rows])
        projected[~valid] = 0.0
        return projected

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The arrays to save."""
        return {"mean": self.mean, "matrix": self.matrix}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.float32]]) -> Self:
        """The inverse of `arrays`."""
        mean, matrix = np.asarray(arrays["mean"], np.float32), np.asarray(arrays["matrix"], np.float32)
        if matrix.ndim != 2 or mean.shape != matrix.shape[:1]:
            raise UserError(
                "a saved projection holds mean (C,) and matrix (C, C')",
                f"shapes {mean.shape} and {matrix.shape}",
                "The file is damaged or foreign: save the model again.",
            )
        return cls(mean, matrix)


def _spectra(cube: npt.NDArray[np.generic], pixels: Pixels) -> npt.NDArray[np.generic]:
    """(N, C). Indexes rows and columns: a reshape would copy a memory-mapped or non-contiguous cube."""
    rows, columns = np.divmod(pixels, cube.shape[1])
    spectra: npt.NDArray[np.generic] = cube[rows, columns]
    return spectra

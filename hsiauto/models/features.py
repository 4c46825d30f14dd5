"""Features of the classical families: standardised spectra, or principal components smoothed at several widths.

Fitted on training pixels; the projection on all pixels of the scene, if `fitted_on` says so. The smoothed ones read
neighbouring spectra, up to the declared support (4 sigma of the widest Gaussian), but no label.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from hsiauto.errors import UserError
from hsiauto.families.base import ClassicalConfig
from hsiauto.models.preprocess import Projection
from hsiauto.split.model import Pixels

STRIP_VALUES = 1 << 22
"""Projected values that are smoothed at a time (16 MiB); a strip is never thinner than its halo."""


@dataclass(frozen=True)
class Features:
    """F = len(sigmas) * C' features a pixel: the projected spectrum, smoothed over space at each of `sigmas`."""

    projection: Projection
    sigmas: tuple[float, ...]
    """Widths in pixels, the widest last; 0 = the pixel itself."""
    centre: npt.NDArray[np.float32]
    """(F,) mean of each smoothed component over the training pixels."""
    scale: npt.NDArray[np.float32]
    """(F,) its standard deviation: without it the noise of the narrow scales hides the wide ones from a kernel."""

    @classmethod
    def fit(
        cls,
        config: ClassicalConfig,
        cube: npt.NDArray[np.generic],
        valid: npt.NDArray[np.bool_],
        pixels: Pixels,
        seen: Pixels | None = None,
    ) -> tuple[Self, npt.NDArray[np.float32]]:
        """Fit on the training `pixels` (flat indices) of `cube` (H, W, C); also gives their features (N, F).

        `seen`: the pixels whose spectra the projection is fitted on, if they are others.
        """
        components = config.components if config.features == "multiscale" else 0
        projection = Projection.fit(cube, pixels if seen is None else seen, components, True, config.reduction, valid)
        n_features = len(sigmas(config)) * projection.n_channels
        plain = cls(projection, sigmas(config), np.zeros(n_features, np.float32), np.ones(n_features, np.float32))
        x = plain(cube, valid, pixels)
        if config.features == "spectra":
            return plain, x  # the projection standardises
        deviation = x.std(axis=0, dtype=np.float64)
        scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
        fitted = replace(plain, centre=x.mean(axis=0, dtype=np.float64).astype(np.float32), scale=scale)
        return fitted, (x - fitted.centre) / fitted.scale

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The arrays to save."""
        return {**self.projection.arrays(), "centre": self.centre, "scale": self.scale}

    @classmethod
    def from_arrays(cls, config: ClassicalConfig, arrays: Mapping[str, npt.NDArray[np.float32]]) -> Self:
        """The inverse of `arrays`."""
        projection = Projection.from_arrays(arrays)
        features = cls(projection, sigmas(config), arrays["centre"], arrays["scale"])
        n_features = len(features.sigmas) * projection.n_channels
        if features.centre.shape != (n_features,) or features.scale.shape != (n_features,):
            raise UserError(
                f"saved features of this config hold centre and scale ({n_features},)",
                f"shapes {features.centre.shape} and {features.scale.shape}",
                "The file is damaged or foreign: save the model again.",
            )
        return features

    @property
    def support(self) -> int:
        return radius(self.sigmas[-1])

    def __call__(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """Features (N, F) at `pixels`, flat indices into the grid of `cube` (H, W, C).

        Memory grows with N and with the width of the scene, not with its height. A row is the same, to the last bit,
        whichever other pixels are asked for and however the scene is cut, as long as its support is in `cube`.
        """
        height, width = valid.shape
        rows, columns = np.divmod(pixels, width)
        if self.support == 0:
            return (self._project(cube, valid, rows, columns) - self.centre) / self.scale
        n_components = self.projection.n_channels
        out = np.empty((len(pixels), len(self.scale)), np.float32)
        strip = max(STRIP_VALUES // (width * n_components), self.support)
        for start in range(0, height, strip):
            inside = np.flatnonzero((rows >= start) & (rows < start + strip))
            if len(inside):
                top = max(0, int(rows[inside].min()) - self.support)
                bottom = min(height, int(rows[inside].max()) + self.support + 1)
                smoothed = self._smooth(cube[top:bottom], valid[top:bottom])
                out[inside] = np.concatenate([s[rows[inside] - top, columns[inside]] for s in smoothed], axis=1)
        return (out - self.centre) / self.scale

    def _project(
        self,
        cube: npt.NDArray[np.generic],
        valid: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        columns: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float32]:
        """(N, C') at the given positions, 0 without data."""
        with np.errstate(invalid="ignore", over="ignore"):  # a pixel without data may hold anything
            projected = self.projection(cube[rows, columns])
        projected[~valid[rows, columns]] = 0
        return projected

    def _smooth(self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.float32]]:
        """One (rows, W, C') array for each width: normalised convolution, to which pixels without data add nothing."""
        height, width = valid.shape
        projected = np.empty((height, width, self.projection.n_channels), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            for row in range(height):  # row by row: no matrix product may depend on how the scene is cut
                projected[row] = self.projection(cube[row])
        projected[~valid] = 0
        mass = valid[..., None].astype(np.float32)
        smoothed = []
        for sigma in self.sigmas:
            if sigma == 0:
                smoothed.append(projected)
                continue
            weight = _gaussian(mass, sigma)
            total = _gaussian(projected, sigma)
            smoothed.append(np.divide(total, weight, out=np.zeros_like(total), where=weight > 0))
        return smoothed


def sigmas(config: ClassicalConfig) -> tuple[float, ...]:
    """Widths of the Gaussians in pixels, the widest last: 4 gives 0, 1, 2, 4."""
    if config.features == "spectra":
        return (0.0,)
    halvings = max(0, math.floor(math.log2(config.sigma)))
    return (0.0, *(config.sigma / 2**k for k in range(halvings, -1, -1)))


def radius(sigma: float) -> int:
    """Radius at which a Gaussian is cut off, in pixels."""
    return math.ceil(4 * sigma)


def _gaussian(x: npt.NDArray[np.float32], sigma: float) -> npt.NDArray[np.float32]:
    """(rows, W, C) smoothed over its first two axes; 0 beyond the edge."""
    for over in (0, 1):
        x = gaussian_filter1d(x, sigma, axis=over, mode="constant", radius=radius(sigma))
    return x

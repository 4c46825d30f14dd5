"""The preprocessing of `hsiauto.models` as torch modules: raw windows in, what the model reads out.

| symbol | meaning |
|---|---|
| N, P | pixels, side of a window |
| C, C' | bands, channels after the projection |
| S, F | widths of Gaussians, features (S * C') |
"""

import numpy as np
import torch
from torch import Tensor, nn

from hsiauto.models.features import Features, radius
from hsiauto.models.preprocess import Projection


class Projected(nn.Module):
    """(..., C) -> (..., C'), 0 where a band is NaN: `Projection.project_scene`."""

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.mean_C = nn.Buffer(torch.from_numpy(projection.mean))
        self.matrix_CD = nn.Buffer(torch.from_numpy(projection.matrix))

    def forward(self, x: Tensor) -> Tensor:
        return ((x - self.mean_C) @ self.matrix_CD).masked_fill(missing(x), 0)


class SpectralFeatures(nn.Module):
    """(N, 1, 1, C) -> (N, F): `Features` without neighbours."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.projected = Projected(features.projection)
        self.centre_F = nn.Buffer(torch.from_numpy(features.centre))
        self.scale_F = nn.Buffer(torch.from_numpy(features.scale))

    def forward(self, x_NPPC: Tensor) -> Tensor:
        return (self.smoothed(x_NPPC) - self.centre_F) / self.scale_F

    def smoothed(self, x_NPPC: Tensor) -> Tensor:
        """(N, F), not yet standardised."""
        return self.projected(x_NPPC).flatten(1)


class MultiscaleFeatures(SpectralFeatures):
    """(N, P, P, C) -> (N, F): `Features` at the window's centre.

    As there, a Gaussian is applied along the rows, then along the columns, each summed in double precision: trees
    compare features with thresholds, so every bit that can be the same is.
    """

    def __init__(self, features: Features) -> None:
        super().__init__(features)
        self.weights_SP = nn.Buffer(torch.from_numpy(np.stack([_weights(s, features) for s in features.sigmas])))

    def smoothed(self, x_NPPC: Tensor) -> Tensor:
        there_NPP1 = (~missing(x_NPPC)).to(x_NPPC.dtype)
        total_NSD = self._gaussians(self.projected(x_NPPC))
        mass_NS1 = self._gaussians(there_NPP1)
        nothing = mass_NS1 == 0
        return (total_NSD / mass_NS1.masked_fill(nothing, 1)).masked_fill(nothing, 0).flatten(1)

    def _gaussians(self, x_NPQD: Tensor) -> Tensor:
        """(N, P, P, D) -> (N, S, D) at the centre."""
        weights_SP = self.weights_SP
        over_rows = torch.einsum("sp,npqd->nsqd", weights_SP, x_NPQD.double()).to(x_NPQD.dtype)
        return torch.einsum("sq,nsqd->nsd", weights_SP, over_rows.double()).to(x_NPQD.dtype)


def missing(x: Tensor) -> Tensor:
    """(..., C) -> (..., 1): pixels without data."""
    return x.isnan().any(dim=-1, keepdim=True)


def _weights(sigma: float, features: Features) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(P,) those of `scipy.ndimage.gaussian_filter1d`; of width 0 the centre alone."""
    steps = np.arange(-features.support, features.support + 1)
    if sigma == 0:
        return (steps == 0).astype(np.float64)
    weights = np.exp(-0.5 * (steps / sigma) ** 2) * (np.abs(steps) <= radius(sigma))
    return weights / weights.sum()

"""What an exported graph is fed: spectra, or windows of raw spectra around pixels.

NaN says that there is nothing: a pixel of which any band is NaN counts as one without data. Beyond the scene's border a
window holds the scene's reflection or NaN, as the model was trained; so `reflect` and `nan` name the way of padding.

| symbol | meaning |
|---|---|
| N, C | pixels asked for, bands of the model |
| P | side of the window; the pixel asked for stands at [P // 2, P // 2] |
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hsiauto.families.base import ClassicalConfig, FamilyConfig, PatchConfig
from hsiauto.models.features import radius, sigmas
from hsiauto.split.model import Pixels

Padding = Literal["reflect", "nan"]


@dataclass(frozen=True)
class Window:
    """What a graph reads for one pixel. A side of 1 is the spectrum of the pixel alone, whatever the padding."""

    side: int
    padding: Padding

    @classmethod
    def of(cls, config: FamilyConfig) -> "Window":
        """What a model of `config` reads, its smoothing left aside."""
        if isinstance(config, PatchConfig):
            return cls(config.patch, "reflect" if config.border == "reflect" else "nan")
        if isinstance(config, ClassicalConfig) and config.features == "multiscale":
            return cls(2 * radius(sigmas(config)[-1]) + 1, "nan")
        return cls(1, "nan")

    @property
    def name(self) -> str:
        """The input's name in a graph."""
        return "spectra" if self.side == 1 else f"windows_{self.padding}"

    def shape(self, n_pixels: int, n_bands: int) -> tuple[int, ...]:
        """(N, C), or (N, P, P, C)."""
        return (n_pixels, n_bands) if self.side == 1 else (n_pixels, self.side, self.side, n_bands)

    def gather(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """The input at `pixels`, flat indices into the grid of `cube` (H, W, C), in float32; `shape` is its shape.

        A reflection needs a scene of more than P // 2 pixels in each direction.
        """
        height, width = valid.shape
        steps = np.arange(self.side) - self.side // 2
        rows_NP, columns_NP = (place[:, None] + steps for place in np.divmod(pixels, width))
        if self.padding == "reflect":
            rows_NP, columns_NP = _folded(rows_NP, height), _folded(columns_NP, width)
        inside_NPP = _within(rows_NP, height)[:, :, None] & _within(columns_NP, width)[:, None, :]
        at = rows_NP.clip(0, height - 1)[:, :, None], columns_NP.clip(0, width - 1)[:, None, :]
        x_NPPC = cube[at].astype(np.float32)
        x_NPPC[~(inside_NPP & valid[at])] = np.nan
        return x_NPPC.reshape(self.shape(len(pixels), cube.shape[2]))


def _folded(places: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Places beyond 0 and size - 1 are mirrored there; the pixel at the border is not repeated."""
    places = np.abs(places)
    return np.where(places < size, places, 2 * (size - 1) - places)


def _within(places: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    return (places >= 0) & (places < size)

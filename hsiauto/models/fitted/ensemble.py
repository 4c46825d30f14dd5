"""EnsembleFitted: trained models that answer with one voice."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import smooth
from hsiauto.split.model import Pixels


@dataclass(frozen=True)
class EnsembleFitted:
    """A trained ensemble. See `Fitted`."""

    config: EnsembleConfig
    members: tuple[Fitted, ...]
    """One for each of `config.parts`, in their order."""
    guide: Projection | None = None
    """The guide of `hsiauto.models.smoothing`, if the ensemble itself asks for the guided filter."""

    @property
    def n_bands(self) -> int:
        return self.members[0].n_bands

    @property
    def n_classes(self) -> int:
        return self.members[0].n_classes

    @property
    def support(self) -> int:
        return self.config.support

    def probabilities(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        """The mean of the members' class probabilities (N, n_classes) at `pixels` of a whole scene, smoothed."""
        return smooth(self.config, self.guide, partial(self._mean, cube, valid), cube, valid, pixels)

    def _mean(
        self, cube: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_], pixels: Pixels
    ) -> npt.NDArray[np.float32]:
        total_NK = np.zeros((len(pixels), self.n_classes), np.float32)
        if not len(pixels):
            return total_NK
        height, width = valid.shape
        first, last = int(pixels.min()) // width, int(pixels.max()) // width
        for member, count in zip(self.members, self.config.counted.values(), strict=True):
            top, bottom = member.config.rows_read(first, last + 1, height)
            total_NK += count * member.probabilities(cube[top:bottom], valid[top:bottom], pixels - top * width)
        return total_NK / np.float32(len(self.config.members))

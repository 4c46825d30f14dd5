"""The preprocessed cube on its device, shared by the trials of a process that ask for the same preprocessing."""

import weakref
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch

from hsiauto.families.base import Seen, TorchConfig
from hsiauto.models.preprocess import Projection
from hsiauto.scene.memory import require
from hsiauto.split.seal import TrialData

_KEPT = 2
"""Scenes stay bounded in a worker's memory however many trials it runs."""


@dataclass(frozen=True)
class CachedScene:
    """A projection, and the scene seen through it."""

    projection: Projection
    cube: torch.Tensor
    """(H, W, C') float32 on the device."""


@dataclass(frozen=True)
class _Entry:
    of: "tuple[weakref.ref[npt.NDArray[Any]], ...]"
    """Cube, valid mask and pixels: the arrays themselves, for comparing a cube would cost more than projecting it."""
    key: tuple[int, bool, str, Seen, torch.device]
    value: CachedScene

    def is_of(self, arrays: tuple[npt.NDArray[Any], ...]) -> bool:
        return all(ref() is array for ref, array in zip(self.of, arrays, strict=True))


_recent: list[_Entry] = []


def cached_scene(config: TorchConfig, data: TrialData, device: torch.device) -> CachedScene:
    """Fit and project as `config` asks, or take what a former trial on the same arrays has left. Not to be written
    to."""
    components = config.components
    key = (
        components,
        config.whiten and components > 0,
        config.reduction if components else "",
        config.fitted_on,
        device,
    )
    arrays = (data.cube, data.valid, data.pixels_of("training"))
    alive = [entry for entry in _recent if all(ref() is not None for ref in entry.of)]
    found = next((entry for entry in alive if entry.is_of(arrays) and entry.key == key), None)
    if found is None:
        del alive[_KEPT - 1 :]  # before the new one is made: the peak counts
        _recent[:] = alive
        pixels = data.pixels_of(config.fitted_on)
        projection = Projection.fit(data.cube, pixels, components, config.whiten, config.reduction, data.valid)
        require(4 * data.valid.size * projection.n_channels, "the preprocessed cube")
        cube = torch.from_numpy(projection.project_scene(data.cube, data.valid)).to(device)
        found = _Entry(tuple(weakref.ref(array) for array in arrays), key, CachedScene(projection, cube))
    _recent[:] = [found, *(entry for entry in alive if entry is not found)]
    return found.value


def forget_cached_scenes() -> None:
    """Free what former trials have left on the device: memory has run out."""
    _recent.clear()

"""The preprocessed cube on its device, shared by the trials of a process that ask for the same preprocessing."""

import weakref
from dataclasses import dataclass

import torch

from hsiauto.preprocess import Projection
from hsiauto.seal import TrialData

_KEPT = 2
"""Scenes stay bounded in a worker's memory however many trials it runs."""


@dataclass(frozen=True)
class Resident:
    """A projection fitted on the training pixels, and the scene seen through it."""

    projection: Projection
    cube: torch.Tensor
    """(H, W, C') float32 on the device."""


@dataclass(frozen=True)
class _Entry:
    data: "weakref.ref[TrialData]"
    key: tuple[int, bool, torch.device]
    value: Resident


_recent: list[_Entry] = []


def resident(data: TrialData, components: int, whiten: bool, device: torch.device) -> Resident:
    """Fit and project, or take what a former trial on the same `data` object has left. Not to be written to."""
    key = (components, whiten and components > 0, device)
    alive = [entry for entry in _recent if entry.data() is not None]
    found = next((entry for entry in alive if entry.data() is data and entry.key == key), None)
    if found is None:
        del alive[_KEPT - 1 :]  # before the new one is made: the peak counts
        _recent[:] = alive
        projection = Projection.fit(data.cube, data.train_pixels, components, whiten)
        cube = torch.from_numpy(projection.project_scene(data.cube, data.valid)).to(device)
        found = _Entry(weakref.ref(data), key, Resident(projection, cube))
    _recent[:] = [found, *(entry for entry in alive if entry is not found)]
    return found.value

"""A trained model as one torch module, from raw spectra to class probabilities.

| symbol | meaning |
|---|---|
| N, C, K | pixels, bands, classes |
| P | side of a window |
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hsiauto.families.base import PatchConfig
from hsiauto.models.export.estimators import TWINS
from hsiauto.models.export.features import MultiscaleFeatures, Projected, SpectralFeatures
from hsiauto.models.export.windows import Window
from hsiauto.models.fitted import ClassicalFitted, EnsembleFitted, Fitted, TorchFitted


class Graph(nn.Module):
    """Inputs as `self.inputs` says -> probabilities (N, K): the mean of the members', each of its own window.

    Members whose windows are padded alike read one input, the smaller ones its middle.
    """

    def __init__(self, fitted: Fitted) -> None:
        super().__init__()
        members: Sequence[tuple[Fitted, int]] = [(fitted, 1)]
        if isinstance(fitted, EnsembleFitted):
            members = list(zip(fitted.members, fitted.config.counted.values(), strict=True))
        windows = [Window.of(member.config) for member, _ in members]
        self.inputs = _widest(windows)
        self.n_bands, self.n_classes = fitted.n_bands, fitted.n_classes
        self.members = nn.ModuleList(_module(member) for member, _ in members)
        total = sum(count for _, count in members)
        self._shares = [count / total for _, count in members]
        self._reads = [(_place(window, self.inputs), window.side) for window in windows]

    def forward(self, *inputs: Tensor) -> Tensor:
        windows = [x if x.ndim == 4 else x[:, None, None] for x in inputs]
        probabilities = [
            share * member(_middle(windows[place], side))
            for member, share, (place, side) in zip(self.members, self._shares, self._reads, strict=True)
        ]
        return torch.stack(probabilities).sum(0)


class _Network(nn.Module):
    """Windows (N, P, P, C) -> probabilities (N, K) of a torch family."""

    def __init__(self, fitted: TorchFitted) -> None:
        super().__init__()
        self.projected, self.module = Projected(fitted.projection), fitted.module
        self._reads_patches = isinstance(fitted.config, PatchConfig)

    def forward(self, x_NPPC: Tensor) -> Tensor:
        x_NPPC = self.projected(x_NPPC)
        logits_NK: Tensor = self.module(x_NPPC.permute(0, 3, 1, 2) if self._reads_patches else x_NPPC[:, 0, 0])
        return logits_NK.softmax(1)


class _Classifier(nn.Module):
    """Windows (N, P, P, C) -> probabilities (N, K) of a classical family; 0 for a class without a training pixel."""

    def __init__(self, fitted: ClassicalFitted) -> None:
        super().__init__()
        multiscale = fitted.config.features == "multiscale"
        self.features = (MultiscaleFeatures if multiscale else SpectralFeatures)(fitted.features)
        estimator: Any = fitted.estimator
        self.estimator = TWINS[type(estimator)](estimator)
        seen = np.eye(fitted.n_classes, dtype=np.float32)[estimator.classes_]
        self.seen_EK = nn.Buffer(torch.from_numpy(seen))

    def forward(self, x_NPPC: Tensor) -> Tensor:
        p_NE: Tensor = self.estimator(self.features(x_NPPC))
        return p_NE.float() @ self.seen_EK


def _module(fitted: Fitted) -> nn.Module:
    if isinstance(fitted, TorchFitted):
        return _Network(fitted)
    assert isinstance(fitted, ClassicalFitted), "hsiauto.models.export.taking_part refuses the others"
    return _Classifier(fitted)


def _widest(windows: Sequence[Window]) -> tuple[Window, ...]:
    """One input for each way of padding; the spectra alone only if nothing reads more."""
    wide = [window for window in windows if window.side > 1] or windows[:1]
    paddings = sorted({window.padding for window in wide})
    return tuple(max((w for w in wide if w.padding == padding), key=lambda w: w.side) for padding in paddings)


def _place(window: Window, inputs: Sequence[Window]) -> int:
    """The input that holds `window` in its middle."""
    return next((i for i, x in enumerate(inputs) if window.side > 1 and x.padding == window.padding), 0)


def _middle(x_NPPC: Tensor, side: int) -> Tensor:
    first = x_NPPC.shape[1] // 2 - side // 2
    return x_NPPC[:, first : first + side, first : first + side]

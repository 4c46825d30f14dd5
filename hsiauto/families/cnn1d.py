"""cnn1d: one convolution along the spectrum, after Hu et al., Journal of Sensors 2015, 258619. No spatial axis.

As published: all bands -> 20 kernels, each C // 9 bands long -> max pooling over ceil(kernel / 5) bands -> a dense
layer of 100 -> classes; tanh throughout; every weight starts uniform in [-0.05, 0.05].

| symbol | article | here |
|---|---|---|
| B, C | n1 | samples, channels after preprocessing |
| K | 20 | kernels of a convolution, `width` |
| L | n2, then n3 | what is left of the spectrum after a convolution, then after pooling |

Where the article is silent or a search needs more:

* the article prints 40, 40 and 30 pooled features for 220, 224 and 103 bands. Whole windows give 39, 40 and 31, so that
  the parameter count is the printed one for Salinas (82,216), and not for the other two;
* its plain SGD is replaced by the optimisers that all families share; biases start at 0;
* `depth` repeats convolution and pooling by the same rule on what is left; `relu` and dropout are ours. Pooling comes
  before the activation: both rise monotonously, so the order changes nothing but the work.
"""

from math import ceil
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from hsiauto.families.base import PixelConfig
from hsiauto.families.hyperparameters import hyperparameter

_SOURCE = "Hu et al., Journal of Sensors 2015, 258619"
_WEIGHT_BOUND = 0.05
_KERNEL_OVER_POOL = 5
"""Kernel length over pooling window: the article's 24 and 5, 11 and 3."""


class Cnn1dConfig(PixelConfig):
    """A plain convolutional network along the spectrum of one pixel."""

    family: Literal["cnn1d"] = "cnn1d"
    source: ClassVar[str] = _SOURCE
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"learning_rate": 3e-3, "weight_decay": 0.0, "schedule": "onecycle"}
    }
    published_parameters: ClassVar[dict[tuple[int, int], int]] = {(224, 16): 82_216}

    width: int = hyperparameter(20, "kernels of every convolution", source=_SOURCE, ge=1, le=256)
    kernels_per_spectrum: int = hyperparameter(
        9,
        "a kernel is channels // this long (1 at least), so this many cover the spectrum",
        source=_SOURCE,
        ge=2,
        le=64,
    )
    depth: int = hyperparameter(
        1, "convolutions, each with its pooling; 1 in the article", source="hsiauto", ge=1, le=4
    )
    hidden: int = hyperparameter(100, "units of the dense layer", source=_SOURCE, ge=4, le=2048)
    activation: Literal["tanh", "relu"] = hyperparameter(
        "tanh", "after every layer but the last", source=f"{_SOURCE}; relu ours"
    )
    dropout: float = hyperparameter(
        0.0, "dropout before the classifier; none in the article", source="hsiauto", ge=0, lt=1
    )

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Cnn1d(self, n_bands, n_classes)


class Cnn1d(nn.Module):
    """(B, C) spectra -> logits (B, classes)."""

    def __init__(self, config: Cnn1dConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[config.activation]
        layers: list[nn.Module] = []
        n_inputs, length = 1, n_bands
        for _ in range(config.depth):
            kernel = max(1, length // config.kernels_per_spectrum)
            pool = ceil(kernel / _KERNEL_OVER_POOL)
            layers += [nn.Conv1d(n_inputs, config.width, kernel), nn.MaxPool1d(pool), activation()]
            n_inputs, length = config.width, (length - kernel + 1) // pool
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(config.width * length, config.hidden),
            activation(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, n_classes),
        )
        self.apply(_initialise)

    def forward(self, x_BC: Tensor) -> Tensor:
        x_BKL = self.features(x_BC[:, None])
        logits: Tensor = self.head(x_BKL.flatten(1))
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.uniform_(module.weight, -_WEIGHT_BOUND, _WEIGHT_BOUND)
        assert module.bias is not None
        nn.init.zeros_(module.bias)

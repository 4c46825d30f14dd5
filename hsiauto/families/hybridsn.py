"""hybridsn: three 3-D convolutions, one 2-D convolution, three dense layers; Roy et al., GRSL 2020, arXiv 1902.06701.

As published for Indian Pines: 30 whitened principal components, 25 x 25 patches; 8 kernels 7 x 3 x 3 (channels x rows x
columns), 16 of 5 x 3 x 3, 32 of 3 x 3 x 3; kernels and channels are then one axis of a 2-D convolution with 64 kernels
3 x 3; dense 256 and 128 with dropout 0.4 after each; ReLU throughout, no padding anywhere, no augmentation; Adam 1e-3,
batches of 256, 100 epochs. 5,122,176 parameters at 16 classes. The paper's other scenes take 15 components: 4,845,696
at 16 classes, 4,844,793 at 9.

| symbol | meaning |
|---|---|
| B, C, P | samples, channels after preprocessing, side of the patch |
| K, D | kernels of a 3-D convolution, and what it leaves of the channels |
| S | P - 8, the side that the dense layers read |

Departures and choices of ours:

* the public code's "decay 1e-6" divides the learning rate by 1 + 1e-6 a step: 0.1 % over its 1,200 steps, none here;
* a kernel longer than what is left of an axis is cut to it, so that any number of channels and any patch works;
* weights start as PyTorch's layers do, not from Glorot's uniform distribution;
* widths keep the paper's ratios: K doubles twice, 8 K in two dimensions, and the second dense layer is half the first;
* `small` is for CPUs; its learning rate and dropout were chosen among three pairs, by OA after 36 of 40 epochs on 258
  held-out pixels of Indian Pines, 8-bit, random 10 %, one seed: 0.91, with the paper's 1e-3 and 0.4 it was 0.79.
"""

from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn.functional import conv2d

from hsiauto.families.base import PatchConfig
from hsiauto.families.hyperparameters import hyperparameter

_SOURCE = "Roy et al., GRSL 2020, arXiv 1902.06701"
_SPECTRAL_KERNELS = (7, 5, 3)
_SIDE = 3


class HybridsnConfig(PatchConfig):
    """3-D convolutions over channels, rows and columns, then one over rows and columns."""

    family: Literal["hybridsn"] = "hybridsn"
    source: ClassVar[str] = _SOURCE
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "small": {
            "components": 15,
            "patch": 11,
            "width": 4,
            "hidden": 64,
            "dropout": 0.2,
            "batch_size": 32,
            "learning_rate": 3e-3,
            "augmentation": "dihedral",
            "schedule": "onecycle",
        },
    }
    published_parameters: ClassVar[dict[tuple[int, int], int]] = {(200, 16): 5_122_176}

    components: int = hyperparameter(
        30,
        "principal components, fitted on training pixels; 0 = all bands, standardised",
        source=f"{_SOURCE}: 30 for Indian Pines, 15 for its other scenes",
        ge=0,
        le=512,
    )
    patch: int = hyperparameter(25, "side of the input patch", source=_SOURCE, unit="pixels", ge=1, le=65)
    augmentation: Literal["none", "flip", "dihedral"] = hyperparameter(
        "none", "per sample: none, random flips, or one of the 8 symmetries of the square", source=_SOURCE
    )
    batch_size: int = hyperparameter(256, "labelled pixels a step", source=_SOURCE, unit="pixels", ge=1, le=4096)
    optimizer: Literal["adam", "adamw"] = hyperparameter("adam", "Adam (L2 decay) or AdamW (decoupled)", source=_SOURCE)
    weight_decay: float = hyperparameter(0.0, "decay of the weights", source=_SOURCE, ge=0, le=1)
    schedule: Literal["constant", "cosine", "onecycle"] = hyperparameter(
        "constant", "learning rate over the final epoch budget, set per step", source=_SOURCE
    )
    width: int = hyperparameter(
        8, "kernels of the first convolution; the next have 2, 4 and 8 times as many", source=_SOURCE, ge=1, le=32
    )
    hidden: int = hyperparameter(
        256, "units of the first dense layer; the second has half", source=_SOURCE, ge=4, le=1024
    )
    dropout: float = hyperparameter(0.4, "dropout after each dense layer", source=_SOURCE, ge=0, lt=1)

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Hybridsn(self, n_bands, n_classes)


class Hybridsn(nn.Module):
    """(B, C, P, P) -> logits (B, classes)."""

    def __init__(self, config: HybridsnConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_inputs, n_kernels, depth, side = 1, config.width, n_bands, config.patch
        for wanted in _SPECTRAL_KERNELS:
            spectral, spatial = min(wanted, depth), min(_SIDE, side)
            layers += [nn.Conv3d(n_inputs, n_kernels, (spectral, spatial, spatial)), nn.ReLU()]
            n_inputs, n_kernels, depth, side = n_kernels, 2 * n_kernels, depth - spectral + 1, side - spatial + 1
        spatial = min(_SIDE, side)
        self.spectral = nn.Sequential(*layers)
        self.spatial = nn.Sequential(nn.Conv2d(n_inputs * depth, n_kernels, spatial), nn.ReLU())
        self.side = side - spatial + 1
        self.dense_in = nn.Linear(n_kernels * self.side**2, config.hidden)
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden // 2),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden // 2, n_classes),
        )

    def forward(self, x_BCPP: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dense_in(self._features(x_BCPP).flatten(1)))
        return logits

    def dense(self, scene_BCHW: Tensor) -> Tensor:
        """Logits (B, classes, H - P + 1, W - P + 1) of every patch of a padded scene, as `forward` has them: no layer
        pads, so neighbouring patches share their convolutions, and the first dense layer is one more."""
        kernel_HKSS = self.dense_in.weight.unflatten(1, (-1, self.side, self.side))
        hidden_BDHW = conv2d(self._features(scene_BCHW), kernel_HKSS, self.dense_in.bias)
        logits: Tensor = self.head(hidden_BDHW.movedim(1, -1)).movedim(-1, 1)
        return logits

    def _features(self, x_BCHW: Tensor) -> Tensor:
        x_BKDHW = self.spectral(x_BCHW.contiguous()[:, None])
        features: Tensor = self.spatial(x_BKDHW.flatten(1, 2))
        return features

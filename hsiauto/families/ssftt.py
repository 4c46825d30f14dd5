"""ssftt: spectral-spatial feature tokenization transformer; Sun et al., TGRS 2022, doi 10.1109/TGRS.2022.3144158.

As published: 30 whitened principal components, 13 x 13 patches -> 8 kernels 3 x 3 x 3 -> kernels and channels as one
axis -> 64 kernels 3 x 3 (BatchNorm and ReLU after both, no padding) -> the tokenizer: 4 weighted means over the pixels
that are left -> a learned class token, learned positions, dropout 0.1 -> one pre-norm encoder layer, 8 heads, MLP 8
wide, dropout 0.1 -> the class token -> linear. Adam 1e-3, batches of 64, 100 epochs, no augmentation.

| symbol | paper | here |
|---|---|---|
| B, C, P | | samples, channels after preprocessing, side of the patch |
| N | | pixels that the convolutions leave of a patch, (P - 4) ** 2 |
| W_a, A | Gaussian weighted feature map | `Tokenizer.score`, softmax over N of x W_a |
| W_b, T | semantic tokens | `Tokenizer.value`, T = A^T (x W_b) |
| L, T | 4, 5 | tokens, and with the class token |
| D, h | 64, 8 | width, heads, each max(1, D // h) wide |

Facts follow the authors' public code; it has 153,224 parameters at 16 classes. Departures and choices of ours:

* the convolutions have no bias, which BatchNorm would take away: 72 parameters less;
* W_a and W_b start from Glorot's normal distribution over their two axes ("Gaussian"); the public code stores them with
  a leading axis of 1, which PyTorch's Glorot counts as one of the two, so that there they start 2 and 6 times smaller;
* attention scores are divided by sqrt(D), as in the public code, not by the root of a head's width;
* a kernel longer than what is left of an axis is cut to it, so that any number of channels and any patch works.
"""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from hsiauto.families.base import PatchConfig
from hsiauto.families.hyperparameters import hyperparameter
from hsiauto.families.layers import EncoderBlock

_SOURCE = "Sun et al., TGRS 2022"
_KERNEL = 3


class SsfttConfig(PatchConfig):
    """Two convolutions, a few tokens that average over the patch, one transformer layer."""

    family: Literal["ssftt"] = "ssftt"
    source: ClassVar[str] = _SOURCE
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}}

    components: int = hyperparameter(
        30,
        "principal components, fitted on training pixels; 0 = all bands, standardised",
        source=_SOURCE,
        ge=0,
        le=512,
    )
    patch: int = hyperparameter(13, "side of the input patch", source=_SOURCE, unit="pixels", ge=1, le=65)
    augmentation: Literal["none", "flip", "dihedral"] = hyperparameter(
        "none", "per sample: none, random flips, or one of the 8 symmetries of the square", source=_SOURCE
    )
    optimizer: Literal["adam", "adamw"] = hyperparameter("adam", "Adam (L2 decay) or AdamW (decoupled)", source=_SOURCE)
    weight_decay: float = hyperparameter(0.0, "decay of the weights", source=_SOURCE, ge=0, le=1)
    schedule: Literal["constant", "cosine", "onecycle"] = hyperparameter(
        "constant", "learning rate over the final epoch budget, set per step", source=_SOURCE
    )
    kernels: int = hyperparameter(8, "kernels of the 3-D convolution", source=_SOURCE, ge=1, le=64)
    width: int = hyperparameter(
        64, "kernels of the 2-D convolution and features of a token, D", source=_SOURCE, ge=4, le=512
    )
    tokens: int = hyperparameter(4, "tokens that a patch becomes, L", source=_SOURCE, ge=1, le=64)
    depth: int = hyperparameter(1, "encoder layers", source=_SOURCE, ge=1, le=12)
    heads: int = hyperparameter(8, "attention heads, h; each max(1, D // h) wide", source=_SOURCE, ge=1, le=32)
    mlp_width: int = hyperparameter(8, "hidden width of a layer's MLP", source=_SOURCE, ge=1, le=1024)
    dropout: float = hyperparameter(
        0.1, "dropout of tokens and of both branches of a layer", source=_SOURCE, ge=0, lt=1
    )

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Ssftt(self, n_bands, n_classes)


class Ssftt(nn.Module):
    """(B, C, P, P) -> logits (B, classes)."""

    def __init__(self, config: SsfttConfig, n_bands: int, n_classes: int) -> None:
        super().__init__()
        spectral, first = min(_KERNEL, n_bands), min(_KERNEL, config.patch)
        second = min(_KERNEL, config.patch - first + 1)
        D = config.width
        self.spectral = nn.Sequential(
            nn.Conv3d(1, config.kernels, (spectral, first, first), bias=False),
            nn.BatchNorm3d(config.kernels),
            nn.ReLU(),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(config.kernels * (n_bands - spectral + 1), D, second, bias=False), nn.BatchNorm2d(D), nn.ReLU()
        )
        self.tokenizer = Tokenizer(D, config.tokens)
        self.class_token_D = nn.Parameter(torch.zeros(D))
        self.positions_TD = nn.Parameter(torch.empty(config.tokens + 1, D))
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.Sequential(
            *(
                EncoderBlock(
                    D, config.heads, config.mlp_width, config.dropout, mlp_dropout=config.dropout, scale=D**-0.5
                )
                for _ in range(config.depth)
            )
        )
        self.head = nn.Linear(D, n_classes)
        nn.init.normal_(self.positions_TD, std=0.02)
        nn.init.xavier_uniform_(self.head.weight)

    def forward(self, x_BCPP: Tensor) -> Tensor:
        x_BKDPP = self.spectral(x_BCPP.contiguous()[:, None])
        x_BND = self.spatial(x_BKDPP.flatten(1, 2)).flatten(2).mT
        tokens_BLD = self.tokenizer(x_BND)
        class_B1D = self.class_token_D.to(tokens_BLD.dtype).expand(tokens_BLD.shape[0], 1, -1)
        x_BTD = self.dropout(torch.cat([class_B1D, tokens_BLD], dim=1) + self.positions_TD)
        logits: Tensor = self.head(self.layers(x_BTD)[:, 0])
        return logits


class Tokenizer(nn.Module):
    """Pixels (B, N, D) -> tokens (B, L, D), each a mean over the pixels with weights of its own."""

    def __init__(self, width: int, n_tokens: int) -> None:
        super().__init__()
        self.score, self.value = nn.Linear(width, n_tokens, bias=False), nn.Linear(width, width, bias=False)
        nn.init.xavier_normal_(self.score.weight)
        nn.init.xavier_normal_(self.value.weight)

    def forward(self, x_BND: Tensor) -> Tensor:
        weight_BNL = self.score(x_BND).softmax(dim=1)
        tokens_BLD: Tensor = weight_BNL.mT @ self.value(x_BND)
        return tokens_BLD

"""The spatial extractor of `claresnet`: one CNN, shared by all components, turns each patch image into a token.

Shapes: B batch, C components, P patch side, N = B * C images of one channel, c channels (c = base between stem and
pooling), D width of a token.

What is done once instead of often, with the same result:
- the published code holds the components apart; here all B * C images pass together, channels last in memory, and the
  four BatchNorms of the stem are one (a BatchNorm treats channels apart);
- statistics are taken of maps seen as (N, P, P, c): the gradient of a mean of (N, c, P, P) comes back channels first,
  and every sum with another gradient transposes a map;
- in evaluation a BatchNorm is an affine map: it goes into the convolution before it, on every call, from the weights
  as they stand (up to a tenth of a block's seconds on a CPU);
- in evaluation the images pass in slices whose maps stay near the caches: no memory for N whole maps.
What is not: the stem as one 7 x 7 convolution, its smaller kernels standing in zeros, trains slower (its gradient is
that of 7 x 7 kernels for all). Overlapping patches share nothing but the stem's convolutions, 0.5 % of the arithmetic:
squeeze and excitation scales every map by its own patch's pooled values, and same padding puts zeros at every patch's
own border. So there is no `dense`.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, conv2d, gelu

STEM_KERNELS = (1, 3, 5, 7)
SQUEEZE, SQUEEZE_LEAST = 16, 8
"""SE's hidden width is max(c // SQUEEZE, SQUEEZE_LEAST)."""
SPREAD_FLOOR = 1e-6
"""Under the root of a variance, whose slope at 0 is infinite."""
SLICE_BYTES = {"cpu": 4 << 20, "cuda": 256 << 20}
"""Bytes of one map of all images of a slice, in evaluation."""


class SpatialExtractor(nn.Module):
    """(B, C, P, P) -> tokens (B, C, D)."""

    def __init__(
        self, base_channels: int, width: int, residual_blocks: int, cbam_kernel: int | None, dropout: float
    ) -> None:
        """`cbam_kernel`: None leaves CBAM out."""
        super().__init__()
        self.base_channels = base_channels
        layers: list[nn.Module] = [Stem(base_channels, dropout)]
        layers += [ResidualBlock(base_channels, 1 + i, dropout) for i in range(residual_blocks)]
        if cbam_kernel is not None:
            layers.append(Cbam(base_channels, cbam_kernel, dropout))
        self.maps = nn.Sequential(*layers)
        self.token = nn.Sequential(nn.Linear(2 * base_channels, width), nn.LayerNorm(width))

    def forward(self, x_BCPP: Tensor) -> Tensor:
        B, C, P, _ = x_BCPP.shape
        images_N1PP = x_BCPP.reshape(B * C, 1, P, P)
        at_once = self.training or torch.compiler.is_exporting()  # a graph takes batches of any size
        parts = (images_N1PP,) if at_once else images_N1PP.split(self._slice(images_N1PP))
        pooled = torch.cat([_mean_and_max(self.maps(part)) for part in parts])
        tokens: Tensor = self.token(pooled)
        return tokens.view(B, C, -1)

    def _slice(self, images_N1PP: Tensor) -> int:
        """Images that pass together."""
        map_bytes = 4 * self.base_channels * images_N1PP.shape[-1] ** 2
        return max(1, SLICE_BYTES.get(images_N1PP.device.type, SLICE_BYTES["cpu"]) // map_bytes)


class Stem(nn.Module):
    """Parallel convolutions of several widths -> BatchNorm -> GELU -> SE. (N, 1, P, P) -> (N, c, P, P)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        share = channels // len(STEM_KERNELS)
        self.branches = nn.ModuleList(nn.Conv2d(1, share, k, padding=k // 2, bias=False) for k in STEM_KERNELS)
        self.norm = nn.BatchNorm2d(channels)
        self.excite = SqueezeExcite(channels, dropout)

    def forward(self, x_N1PP: Tensor) -> Tensor:
        x_NcPP = torch.cat([branch(x_N1PP) for branch in self.branches], dim=1)
        x_NcPP = x_NcPP.contiguous(memory_format=torch.channels_last)  # one channel has no layout to hand on
        scaled: Tensor = self.excite(gelu(self.norm(x_NcPP)))
        return scaled


class SqueezeExcite(nn.Module):
    """SE: scales each channel by a gate read from its mean and its maximum. (N, c, P, P) -> (N, c, P, P)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        hidden = max(channels // SQUEEZE, SQUEEZE_LEAST)
        self.gate = nn.Sequential(
            nn.Linear(2 * channels, hidden, bias=False),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x_NcPP: Tensor) -> Tensor:
        gate_Nc: Tensor = self.gate(_mean_and_max(x_NcPP))
        return x_NcPP * gate_Nc[:, :, None, None]


class ResidualBlock(nn.Module):
    """GELU(x + f(x)); the second convolution of f is dilated. (N, c, P, P) -> (N, c, P, P)."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout2d(dropout)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.excite = SqueezeExcite(channels, dropout)

    def forward(self, x_NcPP: Tensor) -> Tensor:
        h_NcPP = self.dropout(gelu(_convolve_and_norm(x_NcPP, self.first, self.first_norm)))
        return gelu(x_NcPP + self.excite(_convolve_and_norm(h_NcPP, self.second, self.second_norm)))


class Cbam(nn.Module):
    """SE over channels, then a gate for each pixel from four statistics over channels. (N, c, P, P) -> (N, c, P, P)."""

    def __init__(self, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.excite = SqueezeExcite(channels, dropout)
        self.first = nn.Conv2d(4, 2, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(2)
        self.second = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x_NcPP: Tensor) -> Tensor:
        x_NcPP = self.excite(x_NcPP)
        h_N2PP = gelu(_convolve_and_norm(_spread_over_channels(x_NcPP), self.first, self.norm))
        gate_N1PP: Tensor = self.second(h_N2PP).sigmoid()
        return x_NcPP * gate_N1PP


def _spread_over_channels(x_NcPP: Tensor) -> Tensor:
    """(N, 4, P, P) mean, maximum, deviation and minimum over the channels."""
    x_NPPc = x_NcPP.permute(0, 2, 3, 1)
    mean = x_NPPc.mean(-1, keepdim=True)
    variance = (x_NPPc - mean).square().sum(-1, keepdim=True) / (x_NPPc.shape[-1] - 1)  # var_mean takes 3 times as long
    most, least = x_NPPc.max(-1, keepdim=True).values, x_NPPc.min(-1, keepdim=True).values
    return torch.cat([mean, most, (variance + SPREAD_FLOOR).sqrt(), least], dim=-1).permute(0, 3, 1, 2)


def _mean_and_max(x_NcPP: Tensor) -> Tensor:
    """(N, 2c) mean and maximum over the pixels. max_pool2d remembers its maximum: backwards it is faster than amax."""
    x_NMc = x_NcPP.permute(0, 2, 3, 1).flatten(1, 2)
    return torch.cat([x_NMc.mean(dim=1), adaptive_max_pool2d(x_NcPP, 1).flatten(1)], dim=1)


def _convolve_and_norm(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """BatchNorm of a convolution without bias; in evaluation one convolution with the BatchNorm's map in its weight."""
    if norm.training:
        normed: Tensor = norm(convolution(x))
        return normed
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight, bias = convolution.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    return conv2d(x, weight, bias, padding=convolution.padding, dilation=convolution.dilation)

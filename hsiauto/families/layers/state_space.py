"""The selective state space layer: Mamba-1, or the same layer around the scan of Mamba-2 (SSD).

Sources: arXiv 2312.00752 (Mamba-1), arXiv 2405.21060 (SSD). Shapes: B samples, L tokens, D width, E = expand * D
channels, N states, R step rank = ceil(D / 16), H heads of P channels, K convolution taps.

    x, gate = in_proj(input)                          two times E channels
    x = SiLU(causal depthwise convolution of x)       K taps, with bias
    step, write, read = x_proj(x)                     R + N + N (SSD: H + N + N)
    step = softplus(dt_proj(step))                    one per channel (SSD: one per head, step + bias)
    y = scan(x, step, -exp(A_log), write, read)       `selective_scan` or `ssd`
    output = out_proj((y + skip * x) * SiLU(gate))

Parameters and first values of "mamba1" are those of the published layer: A = -(1..N) in every channel, softplus(bias)
log-uniform in [1e-3, 1e-1], skip 1; no norm. At D = 128 it has 116,480 parameters.

Form "ssd" changes the scan and nothing else, so that the two compare: B and C are not convolved and there is no norm
before out_proj, unlike the block of Mamba-2. [fill] P is the largest divisor of E up to 16, so a decay is shared by at
most 16 channels; rates are drawn uniformly in [1, 16], as in Mamba-2; steps are per head, without a low rank.

[fill] `starts_BL` cuts a sample into segments: the state is forgotten at the first token of each, and the convolution
does not look across it either. A segment then gives what it would give alone, wherever it stands.

Under autocast the projections follow it; steps, rates and scan stay in float32.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad, silu, softplus

from hsiauto.families.layers.precision import without_autocast
from hsiauto.families.layers.selective_scan import selective_scan
from hsiauto.families.layers.ssd import HEAD_CHANNELS, ssd

FIRST_STEPS = (1e-3, 1e-1)
"""Range of the first steps, log-uniform."""


class StateSpace(nn.Module):
    """Tokens (B, L, D) -> (B, L, D), each seeing those before it in its segment. No residual, no norm.

    Args:
        width: features of a token, D.
        form: the scan: a decay per channel and state ("mamba1"), or one per head ("ssd").
        state: states of a channel, N.
        expand: channels of the scan over D.
        conv: taps of the causal convolution, K.
    """

    def __init__(
        self,
        width: int,
        *,
        form: Literal["mamba1", "ssd"] = "mamba1",
        state: int = 16,
        expand: int = 2,
        conv: int = 4,
    ) -> None:
        super().__init__()
        self.form, self.state = form, state
        channels = expand * width
        if form == "mamba1":
            rank = math.ceil(width / 16)
            n_steps = channels
            self.dt_weight_ER = nn.Parameter(torch.empty(channels, rank).uniform_(-(rank**-0.5), rank**-0.5))
            rates = torch.arange(1.0, state + 1).repeat(channels, 1)
        else:
            head = next(p for p in range(HEAD_CHANNELS, 0, -1) if channels % p == 0)
            n_steps = rank = channels // head
            rates = torch.empty(n_steps).uniform_(1, 16)
        self.rank = rank
        self.in_proj = nn.Linear(width, 2 * channels, bias=False)
        self.conv_weight_EK = nn.Parameter(torch.empty(channels, conv).uniform_(-(conv**-0.5), conv**-0.5))
        self.conv_bias_E = nn.Parameter(torch.empty(channels).uniform_(-(conv**-0.5), conv**-0.5))
        self.x_proj = nn.Linear(channels, rank + 2 * state, bias=False)
        self.dt_bias = nn.Parameter(_inverse_softplus(_log_uniform(n_steps)))
        self.A_log = nn.Parameter(rates.log())
        self.skip_E = nn.Parameter(torch.ones(channels))
        self.out_proj = nn.Linear(channels, width, bias=False)

    def forward(self, x_BLD: Tensor, starts_BL: Tensor | None = None) -> Tensor:
        """Tokens (B, L, D) -> (B, L, D). `starts_BL`, bool: True at the first token of a segment; None: one segment."""
        x_BLE, gate_BLE = self.in_proj(x_BLD).chunk(2, dim=-1)
        x_BLE = silu(self._convolve(x_BLE, starts_BL))
        step, write_BLN, read_BLN = self.x_proj(x_BLE).split([self.rank, self.state, self.state], dim=-1)
        y_BLE = self._scan(x_BLE, step, write_BLN, read_BLN, starts_BL)
        return self.out_proj(torch.addcmul(y_BLE, x_BLE, self.skip_E) * silu(gate_BLE))

    def _convolve(self, x_BLE: Tensor, starts_BL: Tensor | None) -> Tensor:
        """The causal convolution as a sum over its taps, so that each can be masked at a segment's start. Tokens stay
        in front of channels: on a CPU that costs as much as torch's on long sequences and half on short ones."""
        weight_EK, L = self.conv_weight_EK, x_BLE.shape[1]
        taps = weight_EK.shape[1]
        padded = pad(x_BLE, (0, 0, taps - 1, 0))
        out = x_BLE * weight_EK[:, -1] + self.conv_bias_E
        for back in range(1, min(taps, L)):
            first = taps - 1 - back
            term = padded[:, first : first + L] * weight_EK[:, first]
            if starts_BL is not None:
                term = term.masked_fill(_started(starts_BL, back)[..., None], 0)
            out = out + term
        return out

    def _scan(self, x_BLE: Tensor, step: Tensor, write_BLN: Tensor, read_BLN: Tensor, starts: Tensor | None) -> Tensor:
        with without_autocast(x_BLE.device):
            rate = -self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32)).exp()
            step = step.to(rate.dtype)
            if self.form == "mamba1":
                step = softplus(linear(step, self.dt_weight_ER.to(rate.dtype), self.dt_bias.to(rate.dtype)))
                return selective_scan(x_BLE, step, rate, write_BLN, read_BLN, starts)
            step = softplus(step + self.dt_bias.to(rate.dtype))
            x_BLHP = x_BLE.unflatten(-1, (len(rate), -1))
            return ssd(x_BLHP, step, rate, write_BLN, read_BLN, starts).flatten(2)


def _started(starts_BL: Tensor, back: int) -> Tensor:
    """(B, L), bool: whether a segment starts within the last `back` tokens, this one included."""
    counts_BL = starts_BL.cumsum(1)
    return counts_BL != pad(counts_BL, (back, 0))[:, : counts_BL.shape[1]]


def _log_uniform(n: int) -> Tensor:
    low, high = (math.log(step) for step in FIRST_STEPS)
    return torch.empty(n).uniform_(low, high).exp()


def _inverse_softplus(y: Tensor) -> Tensor:
    return y + (-torch.expm1(-y)).log()

"""The recurrences as they are written on paper: one token after the other, float64."""

from collections.abc import Sequence

import torch
from torch import Tensor

Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""x, step, rate, write, read"""


def recurrence(
    x_BLE: Tensor, step_BLE: Tensor, rate_EN: Tensor, write_BLN: Tensor, read_BLN: Tensor, starts_BL: Tensor | None
) -> Tensor:
    """Mamba-1: a decay per channel and state."""
    state_BEN = x_BLE.new_zeros(len(x_BLE), *rate_EN.shape)
    outputs = []
    for t in range(x_BLE.shape[1]):
        decay = torch.exp(step_BLE[:, t, :, None] * rate_EN)
        if starts_BL is not None:
            decay = decay * (~starts_BL[:, t])[:, None, None]
        state_BEN = decay * state_BEN + (step_BLE[:, t] * x_BLE[:, t])[..., None] * write_BLN[:, t, None]
        outputs.append((state_BEN * read_BLN[:, t, None]).sum(-1))
    return torch.stack(outputs, dim=1)


def recurrence_by_heads(
    x_BLHP: Tensor, step_BLH: Tensor, rate_H: Tensor, write_BLN: Tensor, read_BLN: Tensor, starts_BL: Tensor | None
) -> Tensor:
    """Mamba-2: every channel of a head has its step and its rate."""
    P, N = x_BLHP.shape[-1], write_BLN.shape[-1]
    step_BLE = step_BLH.repeat_interleave(P, dim=-1)
    rate_EN = rate_H.repeat_interleave(P)[:, None].expand(-1, N)
    return recurrence(x_BLHP.flatten(2), step_BLE, rate_EN, write_BLN, read_BLN, starts_BL).view_as(x_BLHP)


def with_gradients(y: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
    """y and the gradients of a fixed, uneven weighting of it."""
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).cos().view_as(y)
    return [y, *torch.autograd.grad((y * weights).sum(), inputs)]


def starts(B: int, L: int, share: float = 0.2) -> Tensor:
    """Segments of uneven lengths, some of one token; the first token of a sequence is not always marked."""
    return torch.rand(B, L, generator=torch.Generator().manual_seed(1)) < share

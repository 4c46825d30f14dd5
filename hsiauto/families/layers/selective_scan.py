"""The selective scan of Mamba-1, forward and backward, in plain torch and little memory.

Source: "Mamba: linear-time sequence modeling with selective state spaces", arXiv 2312.00752. Per channel e and state n

    h_t[n, e] = exp(step_t[e] rate[n, e]) h_(t-1)[n, e] + step_t[e] x_t[e] write_t[n]
    y_t[e]    = sum over n of read_t[n] h_t[n, e]

    paper    here          shape       meaning
    x        x_BLE         (B, L, E)   input
    Delta    step_BLE      (B, L, E)   length of a step, > 0
    A        rate_EN       (E, N)      rates of decay, < 0
    B        write_BLN     (B, L, N)   how the input enters the state
    C        read_BLN      (B, L, N)   how the output reads it
             starts_BL     (B, L)      True: the state before this token is forgotten (decay 0)

Shapes: B sequences, L tokens, E channels, N states of a channel; T tokens and b sequences in a tile.

The states, (B, L, E, N), are N times as large as the input: 1.8 GB for 111,104 pixels, 256 channels, 16 states. They
are never held. The work goes tile by tile, b sequences by T tokens, in buffers that are made once and, on a CPU, stay
in its cache. Forward keeps the state that enters each tile; backward computes a tile's states again from it (a third
more arithmetic, less time than writing and reading them), so memory beyond inputs and outputs is B L E N / T.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from hsiauto.families.layers.linear_scan import step_elements
from hsiauto.families.layers.precision import without_autocast
from hsiauto.families.layers.scan_tile import ScanTile

CPU_TILE, ACCELERATOR_TILE = 2**18, 2**25
"""States of a tile: three such buffers are in use at once."""


def selective_scan(
    x_BLE: Tensor,
    step_BLE: Tensor,
    rate_EN: Tensor,
    write_BLN: Tensor,
    read_BLN: Tensor,
    starts_BL: Tensor | None = None,
) -> Tensor:
    """y (B, L, E) in the dtype of x. Differentiable in the first five; computed in float32, of float64 in float64."""
    dtype = torch.promote_types(x_BLE.dtype, torch.float32)
    sequences = (t.to(dtype).transpose(0, 1) for t in (x_BLE, step_BLE, write_BLN, read_BLN))
    x_LBE, step_LBE, write_LBN, read_LBN = sequences
    keep_LB = None if starts_BL is None else starts_BL.T.logical_not().to(dtype)
    rate_NE = rate_EN.to(dtype).T.contiguous()
    with without_autocast(x_BLE.device):
        y_LBE = _SelectiveScan.apply(x_LBE, step_LBE, rate_NE, write_LBN, read_LBN, keep_LB)
    return y_LBE.transpose(0, 1).to(x_BLE.dtype)


class _SelectiveScan(torch.autograd.Function):
    """Walks over the tiles; see the module's docstring."""

    @staticmethod
    def forward(
        ctx: Any,
        x_LBE: Tensor,
        step_LBE: Tensor,
        rate_NE: Tensor,
        write_LBN: Tensor,
        read_LBN: Tensor,
        keep_LB: Tensor | None,
    ) -> Tensor:
        L, B, _ = x_LBE.shape
        T, b = _tile(L, B, rate_NE)
        computer = ScanTile(T, b, rate_NE)
        y_LBE = torch.empty_like(x_LBE)
        entering = rate_NE.new_empty(max(0, -(-L // T) - 1), B, *rate_NE.shape)  # the first tile's is zero
        for some in _spans(B, b):
            state = rate_NE.new_zeros(some.stop - some.start, *rate_NE.shape)
            for i, span in enumerate(_spans(L, T)):
                if i:
                    entering[i - 1, some] = state
                tile = _cut((x_LBE, step_LBE, write_LBN, read_LBN), keep_LB, span, some)
                y_LBE[span, some], state = computer.forward(*tile, state)
        ctx.save_for_backward(x_LBE, step_LBE, rate_NE, write_LBN, read_LBN, keep_LB, entering)
        return y_LBE

    @staticmethod
    def backward(ctx: Any, grad_y_LBE: Tensor) -> tuple[Tensor | None, ...]:
        x_LBE, step_LBE, rate_NE, write_LBN, read_LBN, keep_LB, entering = ctx.saved_tensors
        sequences = (x_LBE, step_LBE, write_LBN, read_LBN)
        L, B, _ = x_LBE.shape
        T, b = _tile(L, B, rate_NE)
        grads = tuple(torch.empty_like(t) for t in sequences)
        grad_rate = torch.zeros_like(rate_NE)
        with without_autocast(x_LBE.device):
            computer = ScanTile(T, b, rate_NE)
            for some in _spans(B, b):
                zero = rate_NE.new_zeros(some.stop - some.start, *rate_NE.shape)
                carry = zero
                for i, span in reversed(list(enumerate(_spans(L, T)))):
                    tile = _cut(sequences, keep_LB, span, some)
                    first = entering[i - 1, some] if i else zero
                    of_x, of_step, of_rate, of_write, of_read, carry = computer.backward(
                        *tile, first, grad_y_LBE[span, some].contiguous(), carry
                    )
                    for grad, part in zip(grads, (of_x, of_step, of_write, of_read), strict=True):
                        grad[span, some] = part
                    grad_rate += of_rate
        grad_x, grad_step, grad_write, grad_read = grads
        return grad_x, grad_step, grad_rate, grad_write, grad_read, None


def _tile(L: int, B: int, rate_NE: Tensor) -> tuple[int, int]:
    """(T, b): enough sequences for a step to be worth its launch, then as many tokens as the buffers take; short
    sequences leave room for more of them."""
    size, target = rate_NE.numel(), CPU_TILE if rate_NE.device.type == "cpu" else ACCELERATOR_TILE
    b = min(B, max(1, step_elements(rate_NE.device) // size, target // (size * max(1, L))))
    return min(L, max(1, target // (size * max(1, b)))), b


def _spans(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, max(1, step)):
        yield slice(start, min(length, start + step))


def _cut(
    sequences: tuple[Tensor, Tensor, Tensor, Tensor], keep_LB: Tensor | None, span: slice, some: slice
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    x, step, write, read = (t[span, some].contiguous() for t in sequences)
    return x, step, write, read, None if keep_LB is None else keep_LB[span, some]

"""The tile kernel of the selective scan in numba: the extra `hsiauto[numba]`, on a CPU, when asked for.

The exponentials stay torch's, which are vectorised. What follows them, recurrence, output and every gradient, is one
pass over the states instead of ten. Work is split by sequences and by blocks of channels; sums over channels are kept
apart by block and added up in order, so results do not depend on the number of threads.
"""

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[np.floating]
CHANNELS = 16
"""Of a block: their states stay in the first-level cache."""


class NumbaKernel:
    """A `TileKernel`."""

    def __init__(self, n_steps: int, n_sequences: int, rate_NE: Tensor) -> None:
        self.rate_NE = rate_NE
        self._size = n_sequences * rate_NE.numel()
        self._decay = rate_NE.new_empty(n_steps * self._size)
        self._states = rate_NE.new_empty((n_steps + 1) * self._size)
        numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))

    def forward(
        self,
        x_TbE: Tensor,
        step_TbE: Tensor,
        write_TbN: Tensor,
        read_TbN: Tensor,
        keep_Tb: Tensor | None,
        first_bNE: Tensor,
    ) -> tuple[Tensor, Tensor]:
        y_TbE, state_bNE = torch.zeros_like(x_TbE), first_bNE.clone()
        drive_TbE = x_TbE * step_TbE
        _forward(*_arrays(self._decays(step_TbE, keep_Tb), drive_TbE, write_TbN, read_TbN, state_bNE, y_TbE))
        return y_TbE, state_bNE

    def backward(
        self,
        x_TbE: Tensor,
        step_TbE: Tensor,
        write_TbN: Tensor,
        read_TbN: Tensor,
        keep_Tb: Tensor | None,
        first_bNE: Tensor,
        grad_y_TbE: Tensor,
        grad_last_bNE: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        decay_TbNE, drive_TbE = self._decays(step_TbE, keep_Tb), x_TbE * step_TbE
        T, b, N, E = decay_TbNE.shape
        states = self._states[: (T + 1) * first_bNE.numel()].view(T + 1, b, N, E)
        states[0] = first_bNE
        grad_drive, grad_step, carry_bNE = torch.zeros_like(x_TbE), torch.zeros_like(x_TbE), grad_last_bNE.clone()
        grad_rate_bNE = torch.zeros_like(first_bNE)
        by_block = x_TbE.new_zeros(2, -(-E // CHANNELS), T, b, N)
        grad_write, grad_read = by_block
        _backward(
            *_arrays(decay_TbNE, drive_TbE, step_TbE, self.rate_NE, write_TbN, read_TbN, states, grad_y_TbE),
            *_arrays(carry_bNE, grad_drive, grad_step, grad_rate_bNE, grad_write, grad_read),
        )
        return (
            grad_drive * step_TbE,
            grad_step.addcmul_(grad_drive, x_TbE),
            grad_rate_bNE.sum(0),
            grad_write.sum(0),
            grad_read.sum(0),
            carry_bNE,
        )

    def _decays(self, step_TbE: Tensor, keep_Tb: Tensor | None) -> Tensor:
        T, b, E = step_TbE.shape
        decay = self._decay[: T * b * self.rate_NE.numel()].view(T, b, len(self.rate_NE), E)
        torch.mul(step_TbE[:, :, None], self.rate_NE, out=decay).exp_()
        return decay if keep_Tb is None else decay.mul_(keep_Tb[..., None, None])


def _arrays(*tensors: Tensor) -> tuple[Array, ...]:
    return tuple(t.detach().numpy() for t in tensors)


@numba.njit(parallel=True, cache=True)
def _forward(decay: Array, drive: Array, write: Array, read: Array, state: Array, y: Array) -> None:
    T, b, N, E = decay.shape
    blocks = (E + CHANNELS - 1) // CHANNELS
    for job in numba.prange(b * blocks):
        s, start = job // blocks, job % blocks * CHANNELS
        stop = min(E, start + CHANNELS)
        for t in range(T):
            for n in range(N):
                writes, reads = write[t, s, n], read[t, s, n]
                for e in range(start, stop):
                    h = decay[t, s, n, e] * state[s, n, e] + drive[t, s, e] * writes
                    state[s, n, e] = h
                    y[t, s, e] += reads * h


@numba.njit(parallel=True, cache=True)
def _backward(
    decay: Array,
    drive: Array,
    step: Array,
    rate: Array,
    write: Array,
    read: Array,
    states: Array,
    grad_y: Array,
    carry: Array,
    grad_drive: Array,
    grad_step: Array,
    grad_rate: Array,
    grad_write: Array,
    grad_read: Array,
) -> None:
    """`states` holds the entering state first and is filled; `carry` is the gradient of the last state, then of the
    entering one."""
    T, b, N, E = decay.shape
    blocks = (E + CHANNELS - 1) // CHANNELS
    for job in numba.prange(b * blocks):
        s, block = job // blocks, job % blocks
        start = block * CHANNELS
        stop = min(E, start + CHANNELS)
        for t in range(T):
            for n in range(N):
                for e in range(start, stop):
                    states[t + 1, s, n, e] = decay[t, s, n, e] * states[t, s, n, e] + drive[t, s, e] * write[t, s, n]
        for t in range(T - 1, -1, -1):
            for n in range(N):
                writes, reads = write[t, s, n], read[t, s, n]
                of_write = of_read = decay[t, s, n, start] * 0
                for e in range(start, stop):
                    grad = carry[s, n, e] + grad_y[t, s, e] * reads
                    of_read += grad_y[t, s, e] * states[t + 1, s, n, e]
                    of_write += grad * drive[t, s, e]
                    grad_drive[t, s, e] += grad * writes
                    before = grad * decay[t, s, n, e]
                    carry[s, n, e] = before
                    exponent = before * states[t, s, n, e]
                    grad_step[t, s, e] += exponent * rate[n, e]
                    grad_rate[s, n, e] += exponent * step[t, s, e]
                grad_write[block, t, s, n] = of_write
                grad_read[block, t, s, n] = of_read

"""One tile of the selective scan: bulk operations on the tile, and `linear_scan_` along time.

States lie as (T, b, N, E): tokens, sequences, states of a channel, channels. With channels last every operation runs
along memory; sums over states and over channels are batched matrix products. Everything of the size of the states
happens in place, in three buffers: fresh memory would cost more than the arithmetic.
"""

import torch
from torch import Tensor

from hsiauto.families.layers.linear_scan import linear_scan_


class ScanTile:
    """Computes one tile after another in the same buffers. Time comes first; `first_bNE` is the state that enters."""

    def __init__(self, n_steps: int, n_sequences: int, rate_NE: Tensor) -> None:
        self.rate_NE = rate_NE
        size = n_sequences * rate_NE.numel()
        self._decay = rate_NE.new_empty(n_steps * size)
        self._states = rate_NE.new_empty((n_steps + 1) * size)
        self._grad = rate_NE.new_empty(n_steps * size)

    def forward(
        self,
        x_TbE: Tensor,
        step_TbE: Tensor,
        write_TbN: Tensor,
        read_TbN: Tensor,
        keep_Tb: Tensor | None,
        first_bNE: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """y (T, b, E) and the state that leaves, (b, N, E)."""
        _, states = self._run(x_TbE * step_TbE, step_TbE, write_TbN, keep_Tb, first_bNE)
        y = torch.bmm(read_TbN.flatten(0, 1)[:, None], states[1:].flatten(0, 1))
        return y.view(x_TbE.shape), states[-1]

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
        """Gradients of x, step, rate, write, read and of the state that enters."""
        drive_TbE = x_TbE * step_TbE
        decay, states = self._run(drive_TbE, step_TbE, write_TbN, keep_Tb, first_bNE)
        grad_read = torch.bmm(states[1:].flatten(0, 1), grad_y_TbE.flatten(0, 1)[..., None])
        grad = self._grad[: decay.numel()].view(decay.shape)
        torch.mul(read_TbN[..., None], grad_y_TbE[:, :, None], out=grad)
        grad[-1] += grad_last_bNE
        linear_scan_(grad[:-1], decay[1:], grad[-1], reverse=True)
        grad_write = torch.bmm(grad.flatten(0, 1), drive_TbE.flatten(0, 1)[..., None])
        grad_drive = torch.bmm(write_TbN.flatten(0, 1)[:, None], grad.flatten(0, 1)).view(x_TbE.shape)
        grad_first = decay[0] * grad[0]
        exponent = states[:-1].mul_(grad).mul_(decay)  # the gradient of step * rate
        grad_rate = torch.mul(exponent, step_TbE[:, :, None], out=grad).sum((0, 1))
        grad_step = exponent.mul_(self.rate_NE).sum(2).addcmul_(grad_drive, x_TbE)
        return (
            grad_drive.mul_(step_TbE),
            grad_step,
            grad_rate,
            grad_write.view(write_TbN.shape),
            grad_read.view(read_TbN.shape),
            grad_first,
        )

    def _run(
        self, drive_TbE: Tensor, step_TbE: Tensor, write_TbN: Tensor, keep_Tb: Tensor | None, first_bNE: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decays (T, b, N, E) and states (T + 1, b, N, E), the entering one first."""
        T, b, E = drive_TbE.shape
        shape = (T, b, len(self.rate_NE), E)
        size = first_bNE.numel()
        decay = self._decay[: T * size].view(shape)
        torch.mul(step_TbE[:, :, None], self.rate_NE, out=decay).exp_()
        if keep_Tb is not None:
            decay.mul_(keep_Tb[..., None, None])
        states = self._states[: (T + 1) * size].view(T + 1, *shape[1:])
        states[0] = first_bNE
        torch.mul(drive_TbE[:, :, None], write_TbN[..., None], out=states[1:])
        linear_scan_(states[1:], decay, states[0])
        return decay, states

"""SSD, the scan of Mamba-2: one scalar decay per head, computed by chunks with matrix products.

Source: "Transformers are SSMs", arXiv 2405.21060, section 6. Per head h with channels p and states n

    S_t[n, p] = exp(step_t[h] rate[h]) S_(t-1)[n, p] + step_t[h] x_t[h, p] write_t[n]
    y_t[h, p] = sum over n of read_t[n] S_t[n, p]

with the names of `selective_scan`. Within a chunk of Q tokens the recurrence is unrolled into a masked product like
attention's, weights[t, s] = (read_t . write_s) exp(log_t - log_s), where log is the running sum of step * rate over the
chunk; between the K = ceil(L / Q) chunks `linear_scan_` carries the states. With one decay per head every exponent that
counts is at most 0, so nothing overflows.

Backward is by hand. The weights, (M, H, Q, Q), are made again block by block instead of held, and the gradient of log
needs no pass over them: log_t scales all of y_t, -log_s scales all that drive_s gives, and the chunk's last log scales
the state that leaves it, so it is grad_y . y - grad_drive . drive (+ grad_state . state at the last token). As a
difference of sums it carries their rounding, about 1e-6 of them in float32, where the true value is far smaller: when a
head forgets everything at every token.

Shapes: B sequences, L tokens, H heads of P channels, N states, M = B K chunks, m of them in a block, X = H P.
Q is 16 up to 256 tokens and 64 above, and never more than L.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from hsiauto.families.layers.linear_scan import linear_scan_
from hsiauto.families.layers.precision import without_autocast

HEAD_CHANNELS = 16
"""[fill] At most so many channels share a decay."""
SHORT, SHORT_CHUNK, LONG_CHUNK = 256, 16, 64
CPU_BLOCK, ACCELERATOR_BLOCK = 2**17, 2**25
"""Weights of a block; on a CPU they stay in its cache."""


def ssd(
    x_BLHP: Tensor,
    step_BLH: Tensor,
    rate_H: Tensor,
    write_BLN: Tensor,
    read_BLN: Tensor,
    starts_BL: Tensor | None = None,
    *,
    chunk: int | None = None,
) -> Tensor:
    """y (B, L, H, P) in the dtype of x. Differentiable in the first five; computed in float32, of float64 in float64.

    Args:
        x_BLHP: input.
        step_BLH: length of a step, > 0.
        rate_H: rates of decay, < 0.
        write_BLN: how the input enters the state, shared by the heads.
        read_BLN: how the output reads it, shared by the heads.
        starts_BL: True if the state before a token is forgotten (decay 0).
        chunk: tokens in a chunk, Q; None: by the length.
    """
    dtype = torch.promote_types(x_BLHP.dtype, torch.float32)
    B, L, H, P = x_BLHP.shape
    Q = chunk or min(L, SHORT_CHUNK if L <= SHORT else LONG_CHUNK)
    n_chunks = -(-L // Q)
    with without_autocast(x_BLHP.device):
        step_BLH = step_BLH.to(dtype)
        drive_BLX = (x_BLHP.to(dtype) * step_BLH[..., None]).flatten(2)
        sequences = (drive_BLX, step_BLH * rate_H.to(dtype), write_BLN.to(dtype), read_BLN.to(dtype))
        drive_MQX, log_MQH, write_MQN, read_MQN = (_chunks(t, Q) for t in sequences)
        segment_MQ = None if starts_BL is None else _chunks(starts_BL[..., None], Q).squeeze(-1).cumsum(1)
        y_MQX = _Ssd.apply(drive_MQX, log_MQH.cumsum(1), write_MQN, read_MQN, segment_MQ, n_chunks)
    return y_MQX.view(B, n_chunks * Q, H, P)[:, :L].to(x_BLHP.dtype)


def _chunks(sequence_BLX: Tensor, Q: int) -> Tensor:
    """(B, L, X) -> (M, Q, X); the last chunk is filled with zeros: steps of length 0, which change nothing."""
    L, X = sequence_BLX.shape[1:]
    return pad(sequence_BLX, (0, 0, 0, -L % Q)).view(-1, Q, X)


class _Ssd(torch.autograd.Function):
    """Chunks of all sequences in, their outputs out; see the module's docstring."""

    @staticmethod
    def forward(
        ctx: Any,
        drive_MQX: Tensor,
        log_MQH: Tensor,
        write_MQN: Tensor,
        read_MQN: Tensor,
        segment_MQ: Tensor | None,
        n_chunks: int,
    ) -> Tensor:
        H = log_MQH.shape[-1]
        states_MNX = None
        if n_chunks > 1:
            states_MNX = _outer(write_MQN, drive_MQX, _to_end(log_MQH, segment_MQ))
            states_KBNHP = _by_chunk(states_MNX, n_chunks, H)
            decay = _chunk_decay(log_MQH, segment_MQ, n_chunks)
            linear_scan_(states_KBNHP, decay, torch.zeros_like(states_KBNHP[0]))
        y_MQX = torch.empty_like(drive_MQX)
        for block in _blocks(log_MQH):
            weights_mHQQ = _decays(log_MQH[block], _of(segment_MQ, block))
            weights_mHQQ.mul_((read_MQN[block] @ write_MQN[block].mT)[:, None])
            y_MQX[block] = _join(weights_mHQQ @ _split(drive_MQX[block], H))
        if states_MNX is not None:
            entering_MNX = _entering(states_MNX, n_chunks)
            y_MQX += _scale(read_MQN @ entering_MNX, _from_start(log_MQH, segment_MQ))
        ctx.save_for_backward(drive_MQX, log_MQH, write_MQN, read_MQN, segment_MQ, states_MNX, y_MQX)
        ctx.n_chunks = n_chunks
        return y_MQX

    @staticmethod
    def backward(ctx: Any, grad_y_MQX: Tensor) -> tuple[Tensor | None, ...]:
        drive_MQX, log_MQH, write_MQN, read_MQN, segment_MQ, states_MNX, y_MQX = ctx.saved_tensors
        H, n_chunks = log_MQH.shape[-1], ctx.n_chunks
        grad_drive, grad_write, grad_read = (torch.empty_like(t) for t in (drive_MQX, write_MQN, read_MQN))
        with without_autocast(log_MQH.device):
            for block in _blocks(log_MQH):
                read, write = read_MQN[block], write_MQN[block]
                grad_y_mHQP, drive_mHQP = _split(grad_y_MQX[block], H), _split(drive_MQX[block], H)
                decays_mHQQ = _decays(log_MQH[block], _of(segment_MQ, block))
                grad_scores = (grad_y_mHQP @ drive_mHQP.mT).mul_(decays_mHQQ).sum(1)
                grad_read[block], grad_write[block] = grad_scores @ write, grad_scores.mT @ read
                weights_mHQQ = decays_mHQQ.mul_((read @ write.mT)[:, None])
                grad_drive[block] = _join(weights_mHQQ.mT @ grad_y_mHQP)
            at_end_MH = None
            if states_MNX is not None:
                from_start, to_end = _from_start(log_MQH, segment_MQ), _to_end(log_MQH, segment_MQ)
                grad_read += _scale(grad_y_MQX, from_start) @ _entering(states_MNX, n_chunks).mT
                grad_states = _leaving(_outer(read_MQN, grad_y_MQX, from_start), n_chunks)
                grads_KBNHP = _by_chunk(grad_states, n_chunks, H)
                decay = _chunk_decay(log_MQH, segment_MQ, n_chunks)
                linear_scan_(grads_KBNHP[:-1], decay[1:], grads_KBNHP[-1], reverse=True)
                grad_write += _scale(drive_MQX, to_end) @ grad_states.mT
                grad_drive += _scale(write_MQN @ grad_states, to_end)
                at_end_MH = (grad_states * states_MNX).unflatten(-1, (H, -1)).sum((1, 3))
            grad_log = (grad_y_MQX * y_MQX).addcmul_(grad_drive, drive_MQX, value=-1).unflatten(-1, (H, -1)).sum(-1)
            if at_end_MH is not None:
                grad_log[:, -1] += at_end_MH
        return grad_drive, grad_log, grad_write, grad_read, None, None


def _decays(log_mQH: Tensor, segment_mQ: Tensor | None) -> Tensor:
    """exp(log_t - log_s) if s <= t and no start lies between them, else 0: (m, H, Q, Q)."""
    log_mHQ = log_mQH.transpose(1, 2).contiguous()
    decays = (log_mHQ[..., :, None] - log_mHQ[..., None, :]).exp_().tril_()
    if segment_mQ is not None:
        decays.mul_((segment_mQ[:, :, None] == segment_mQ[:, None, :])[:, None])
    return decays


def _from_start(log_MQH: Tensor, segment_MQ: Tensor | None) -> Tensor:
    """(M, Q, H) share of the state that enters a chunk which is left at each of its tokens."""
    return log_MQH.exp() if segment_MQ is None else log_MQH.exp() * (segment_MQ == 0)[..., None]


def _to_end(log_MQH: Tensor, segment_MQ: Tensor | None) -> Tensor:
    """(M, Q, H) share of a token's addition which is left at the end of its chunk."""
    left = (log_MQH[:, -1:] - log_MQH).exp()
    return left if segment_MQ is None else left * (segment_MQ == segment_MQ[:, -1:])[..., None]


def _chunk_decay(log_MQH: Tensor, segment_MQ: Tensor | None, n_chunks: int) -> Tensor:
    """(K, B, 1, H, 1) decay over a whole chunk."""
    last = None if segment_MQ is None else segment_MQ[:, -1:]
    return _from_start(log_MQH[:, -1:], last).unflatten(0, (-1, n_chunks)).transpose(0, 1)[..., None]


def _scale(of_tokens_MQX: Tensor, factor_MQH: Tensor) -> Tensor:
    return (of_tokens_MQX.unflatten(-1, (factor_MQH.shape[-1], -1)) * factor_MQH[..., None]).flatten(2)


def _outer(into_MQN: Tensor, of_tokens_MQX: Tensor, factor_MQH: Tensor) -> Tensor:
    """Tokens of a chunk summed into states, (M, N, X)."""
    return into_MQN.mT @ _scale(of_tokens_MQX, factor_MQH)


def _by_chunk(states_MNX: Tensor, n_chunks: int, H: int) -> Tensor:
    """A view with the chunks of a sequence in front, (K, B, N, H, P)."""
    return states_MNX.unflatten(0, (-1, n_chunks)).transpose(0, 1).unflatten(-1, (H, -1))


def _entering(states_MNX: Tensor, n_chunks: int) -> Tensor:
    """The state before each chunk: that after the one before; zero at the first."""
    return pad(states_MNX.unflatten(0, (-1, n_chunks))[:, :-1], (0, 0, 0, 0, 1, 0)).flatten(0, 1)


def _leaving(states_MNX: Tensor, n_chunks: int) -> Tensor:
    """Gradient of the state after each chunk, from the one before the next; zero at the last."""
    return pad(states_MNX.unflatten(0, (-1, n_chunks))[:, 1:], (0, 0, 0, 0, 0, 1)).flatten(0, 1)


def _split(of_tokens_mQX: Tensor, H: int) -> Tensor:
    """(m, Q, X) -> (m, H, Q, P)."""
    return of_tokens_mQX.unflatten(-1, (H, -1)).transpose(1, 2)


def _join(by_heads_mHQP: Tensor) -> Tensor:
    """(m, H, Q, P) -> (m, Q, X)."""
    return by_heads_mHQP.transpose(1, 2).flatten(2)


def _of(segment_MQ: Tensor | None, block: slice) -> Tensor | None:
    return None if segment_MQ is None else segment_MQ[block]


def _blocks(log_MQH: Tensor) -> list[slice]:
    M, Q, H = log_MQH.shape
    size = max(1, (CPU_BLOCK if log_MQH.device.type == "cpu" else ACCELERATOR_BLOCK) // (Q * Q * H))
    return [slice(i, i + size) for i in range(0, M, size)]

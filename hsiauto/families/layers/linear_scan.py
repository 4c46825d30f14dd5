"""The linear recurrence h_t = value_t + decay_t * h_(t-1), elementwise, along the first axis.

Time T leads every shape here, X is any number of further axes. Step by step a sequence of 20,000 tokens is 20,000 small
operations, each of which costs its launch and not its arithmetic. So a sequence with small steps is cut into chunks:
(1) every chunk, all at once, runs from zero to find what it adds and by how much it decays a state that enters it;
(2) the states that enter the chunks follow, one small step a chunk; (3) every chunk, all at once, runs again from its
entering state. That is about 3 sqrt(T) operations, on any device. Only products and sums of decays occur, never a
quotient or a difference of logarithms: decays of zero (resets) and decays that underflow are exact.
"""

import math

import torch
from torch import Tensor

CPU_STEP, ACCELERATOR_STEP = 2**15, 2**20
"""Elements that one operation should have, for its arithmetic to outweigh its launch."""


def step_elements(device: torch.device) -> int:
    """Elements that one operation on `device` should have."""
    return CPU_STEP if device.type == "cpu" else ACCELERATOR_STEP


def linear_scan_(value_TX: Tensor, decay_TX: Tensor, first_X: Tensor, *, reverse: bool = False) -> None:
    """Overwrite `value_TX` by the states of the recurrence that starts from `first_X`.

    Args:
        value_TX: what each step adds, (T, ...); overwritten.
        decay_TX: factors, (T, ...), of a shape that broadcasts to that of `value_TX`.
        first_X: the state before the first step, (...).
        reverse: run from the last step to the first: h_t = value_t + decay_t * h_(t+1).
    """
    T = len(value_TX)
    if T == 0:
        return
    per_step = max(1, value_TX[0].numel())
    n_chunks = max(1, min(math.isqrt(T), step_elements(value_TX.device) // per_step))
    rest = T % n_chunks  # steps after the chunks, in the direction of the scan
    chunked = slice(rest, T) if reverse else slice(0, T - rest)
    value, decay = (part[chunked].unflatten(0, (n_chunks, -1)).unbind(1) for part in (value_TX, decay_TX))
    if reverse:
        value, decay = value[::-1], decay[::-1]
    entering = _entering(value, decay, first_X, reverse) if n_chunks > 1 else first_X[None]
    for added, factor in zip(value, decay, strict=True):
        entering = added.addcmul_(factor, entering)
    order = range(rest - 1, -1, -1) if reverse else range(T - rest, T)
    state = entering[0 if reverse else -1]
    for t in order:
        state = value_TX[t].addcmul_(decay_TX[t], state)


def _entering(value: tuple[Tensor, ...], decay: tuple[Tensor, ...], first_X: Tensor, reverse: bool) -> Tensor:
    """The state before each chunk, (chunks, ...). `value[k]` and `decay[k]` are step k of every chunk."""
    added, factor = value[0].clone(), decay[0].clone()
    for value_k, decay_k in zip(value[1:], decay[1:], strict=True):
        torch.addcmul(value_k, decay_k, added, out=added)
        factor.mul_(decay_k)
    entering = torch.empty_like(added)
    order = range(len(added) - 1, -1, -1) if reverse else range(len(added))
    state = first_X
    for chunk in order:
        entering[chunk] = state
        state = torch.addcmul(added[chunk], factor[chunk], entering[chunk])
    return entering

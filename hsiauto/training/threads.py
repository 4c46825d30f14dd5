"""How many threads the numerical libraries of this process use, and how they round what is next to nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

_limit: int | None = None
"""Threads of BLAS and OpenMP, once they have been set here."""


def use_threads(n: int) -> None:
    """torch, BLAS and OpenMP use `n` threads each, here and in processes that this one starts: whatever they read from
    the environment when they were imported."""
    global _limit
    torch.set_num_threads(n)
    if n != _limit:  # it looks through all that the process has loaded; what is loaded later reads the environment
        threadpool_limits(n)
        _limit = n
    os.environ["OMP_NUM_THREADS"] = str(n)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Within: torch on a CPU takes what is below 1e-38 for 0. Weights of a network that has died decay through it,
    and an epoch of it took 32 times as long."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)

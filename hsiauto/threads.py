"""How many threads the numerical libraries of this process use."""

import os

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


def use_threads(n: int) -> None:
    """torch, BLAS and OpenMP use `n` threads each, here and in processes that this one starts: whatever they read from
    the environment when they were imported."""
    torch.set_num_threads(n)
    threadpool_limits(n)
    os.environ["OMP_NUM_THREADS"] = str(n)

"""The memory that a training or a prediction keeps from one batch to the next."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3): the free bytes at the heap's end, and the bytes of a block, that go back to the kernel."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within: what this process frees it keeps, and gives back to the kernel at the end; glibc alone can.

    A batch takes the same maps as the one before. Given back in between, each of their pages is a page fault: half of
    the seconds of a step whose maps are large. torch has a cache of its own on CUDA and none on a CPU.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, 1 << 30)
    libc.mallopt(_TRIM_THRESHOLD, -1)  # never
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, 32 << 20)  # where glibc's own moving thresholds end; they move no more
        libc.mallopt(_TRIM_THRESHOLD, 64 << 20)
        libc.malloc_trim(0)

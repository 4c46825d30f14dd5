"""Memory of a training: the most that it took, what it keeps between steps, and a machine without any left."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

_WORDS = (
    "DefaultCPUAllocator",  # torch on a CPU
    "out of memory",  # CUDA outside torch's allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


class OutOfMemory(RuntimeError):  # noqa: N818 - a state of the machine, not a fault of the program
    """A training that does not fit, smaller micro-batches tried."""

    def __init__(self, reason: str, peak_memory_bytes: int) -> None:
        super().__init__(reason, peak_memory_bytes)  # both, or it could not be unpickled
        self.reason, self.peak_memory_bytes = reason, peak_memory_bytes

    def __str__(self) -> str:
        return self.reason


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says so: torch's, NumPy's and Python's words differ."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


class Peak:
    """The most memory since this was made: on CUDA what torch allocated, else what the process had resident.

    Only Linux tells a process its own peak and resets it. Elsewhere a peak is the most that was resident whenever it
    was asked for, and freed activations are missed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._seen = device, 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _STATUS.exists():
            _CLEAR_REFS.write_text("5")  # proc(5): resets the peak of the resident set

    @property
    def bytes(self) -> int:
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        self._seen = max(self._seen, _resident_peak())
        return self._seen


_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _resident_peak() -> int:
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return int(psutil.Process().memory_info().rss)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within: what this process frees it keeps, and gives back to the kernel at the end; glibc alone can.

    A step takes the same maps as the one before. Given back in between, each of their pages is a page fault: half of
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


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3): the free bytes at the heap's end, and the bytes of a block, that go back to the kernel."""

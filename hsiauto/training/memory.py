"""Memory of a training: the most that it took, and a device or machine without any left."""

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

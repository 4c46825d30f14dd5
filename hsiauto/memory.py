"""A device or a machine without memory left: how to know it, and what a trial then says."""

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

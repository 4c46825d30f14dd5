"""How much memory of a GPU a training needs, measured: some steps of it."""

import itertools
import math
from dataclasses import dataclass
from typing import Protocol

import torch

from hsiauto.families.base import TorchConfig
from hsiauto.split.seal import TrialData
from hsiauto.training.memory import ran_out_of_memory
from hsiauto.training.trainer import ENDLESS, Trainer

MEMORY_MARGIN = 1.5
"""Times what the largest preset takes: samplers draw larger configs, and allocators waste some."""
CONTEXT_BYTES = 768 << 20
"""Memory of CUDA and its libraries in each process, which torch does not count."""
STEPS = 3


@dataclass(frozen=True)
class GpuMemory:
    """Memory of one GPU, and how much of it a trial needs."""

    free_bytes: int
    trial_bytes: int

    @property
    def trials(self) -> int:
        """How many trials fit beside each other; at least one, which may then run out of memory and say so."""
        return max(1, math.floor(self.free_bytes / (self.trial_bytes * MEMORY_MARGIN)))


class Gpu(Protocol):
    """The device that the probe measures."""

    device: str

    def free_bytes(self) -> int: ...

    def peak_bytes(self) -> int:
        """The most memory that this process has held."""
        ...


class Cuda:
    """The first GPU that this process sees."""

    device = "cuda"

    def free_bytes(self) -> int:
        return int(torch.cuda.mem_get_info(self.device)[0])

    def peak_bytes(self) -> int:
        return int(torch.cuda.max_memory_reserved(self.device))


def probe(config: TorchConfig, data: TrialData, gpu: Gpu) -> GpuMemory:
    """Train `config` for some steps on `gpu`. One that does not fit needs all that is free."""
    free = gpu.free_bytes()
    try:
        trainer = Trainer(config, data, seed=0, max_epochs=ENDLESS, device=gpu.device)
        for loss in itertools.islice(trainer.steps(), STEPS):
            loss.item()
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        return GpuMemory(free, free)
    return GpuMemory(free, gpu.peak_bytes() + CONTEXT_BYTES)

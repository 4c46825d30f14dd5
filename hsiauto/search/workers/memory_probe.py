"""How much memory of a GPU a trial needs, so that as many share one as fit: the largest preset trains for some steps.

It does so in a process of its own, which leaves nothing on the GPU. If none can be started, and for the GPUs of a Ray
that runs already, the prediction of `hsiauto.training.estimate` is used instead.
"""

import itertools
import logging
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Protocol

import torch

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig, TorchConfig
from hsiauto.search.workers.resources import GpuMemory, Machine, Resources
from hsiauto.split.seal import TrialData
from hsiauto.training.estimate import predicted_bytes
from hsiauto.training.memory import ran_out_of_memory
from hsiauto.training.trainer import Trainer

CONTEXT_BYTES = 768 << 20
"""Memory of CUDA and its libraries in each process, which torch does not count."""
STEPS = 3
_NO_END = 1 << 20
_log = logging.getLogger(__name__)


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


def resources_for(
    run_config: RunConfig, machine: Machine, configs: Iterable[FamilyConfig], data: TrialData
) -> Resources:
    """What each training of `configs` on `data` may use of `machine`."""
    return Resources.of(run_config, machine, gpu_memory(run_config, machine, configs, data))


def gpu_memory(
    run_config: RunConfig, machine: Machine, configs: Iterable[FamilyConfig], data: TrialData
) -> GpuMemory | None:
    """Memory of a GPU of `machine`, and what the largest of `configs` needs of it; None if it does not matter."""
    if not machine.gpu_bytes or run_config.gpus_per_trial is not None:
        return None
    networks = [part for config in configs for part in config.parts if isinstance(part, TorchConfig)]
    if not networks:
        return None
    largest = max(networks, key=lambda config: predicted_bytes(config, data))
    predicted = GpuMemory(min(machine.gpu_bytes), predicted_bytes(largest, data) + CONTEXT_BYTES)
    if machine.node_cpus:
        return predicted
    try:
        return _in_own_process(largest, data)
    except Exception as error:  # noqa: BLE001 - of any family; its trials will say it again, one by one
        _log.warning("%s could not be tried on the GPU (%s); its memory is predicted", largest.family, error)
        return predicted


def probe(config: TorchConfig, data: TrialData, gpu: Gpu) -> GpuMemory:
    """Train `config` for some steps on `gpu`. One that does not fit needs all that is free."""
    free = gpu.free_bytes()
    try:
        trainer = Trainer(config, data, seed=0, max_epochs=_NO_END, device=gpu.device)
        for loss in itertools.islice(trainer.steps(), STEPS):
            loss.item()
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        return GpuMemory(free, free)
    return GpuMemory(free, gpu.peak_bytes() + CONTEXT_BYTES)


def _in_own_process(config: TorchConfig, data: TrialData) -> GpuMemory:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_probe_here, config, data).result()


def _probe_here(config: TorchConfig, data: TrialData) -> GpuMemory:
    return probe(config, data, Cuda())

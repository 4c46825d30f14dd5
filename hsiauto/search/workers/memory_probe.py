"""How much memory of a GPU a trial needs, so that as many share one as fit: the largest preset trains for some steps.

It does so in a process of its own, which leaves nothing on the GPU. If none can be started, and for the GPUs of a Ray
that runs already, the prediction of `hsiauto.training.estimate` is used instead.
"""

import logging
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from hsiauto.config import RunConfig
from hsiauto.families.base import FamilyConfig, TorchConfig
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.split.seal import TrialData
from hsiauto.training.estimate import predicted_bytes
from hsiauto.training.gpu_memory import CONTEXT_BYTES, Cuda, GpuMemory, probe

_log = logging.getLogger(__name__)


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


def _in_own_process(config: TorchConfig, data: TrialData) -> GpuMemory:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_probe_here, config, data).result()


def _probe_here(config: TorchConfig, data: TrialData) -> GpuMemory:
    return probe(config, data, Cuda())

"""How many trials run at a time and what each may use: from the machine, unless the run says."""

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from hsiauto.config import RunConfig
from hsiauto.errors import UserError

if TYPE_CHECKING:  # without the families, whose import takes a second
    from hsiauto.training.gpu_memory import GpuMemory

GPU_BYTES_PER_TRIAL = 8 * 2**30
"""Assumed if it was not measured: the families are small."""
MOST_PER_GPU = 4
"""Kernels of different processes take turns."""
MOST_PER_CPU = 16
_SHOWN_NODES = 5
"""Kinds of nodes that a message lists."""
BUDGET_PER_WORKER = 5
"""Trials for each worker: with fewer, the sampler proposes before it has learned anything."""


@dataclass(frozen=True)
class Machine:
    """What there is to train on: this machine, or the nodes of a Ray that runs already."""

    cpus: int
    gpu_bytes: tuple[int, ...] = ()
    """Memory of each GPU, in bytes."""
    node_cpus: tuple[int, ...] = ()
    """CPUs of each node of a Ray that runs already; empty: this machine, on which Ray is still to be started."""
    node_gpus: tuple[int, ...] = ()
    """GPUs of each of these nodes; empty: none of them has one."""

    @property
    def nodes(self) -> tuple[tuple[int, int], ...]:
        """CPUs and GPUs of each node."""
        if not self.node_cpus:
            return ((self.cpus, len(self.gpu_bytes)),)
        return tuple(zip(self.node_cpus, self.node_gpus or (0,) * len(self.node_cpus), strict=True))

    @classmethod
    def here(cls) -> "Machine":
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return cls(cpus, tuple(torch.cuda.get_device_properties(i).total_memory for i in range(gpus)))


@dataclass(frozen=True)
class Resources:
    """What one run uses."""

    concurrency: int
    """Trials at a time."""
    cpus_per_trial: float
    gpus_per_trial: float

    @property
    def threads(self) -> int:
        """torch's threads in a worker, and the jobs of a classical family."""
        return max(1, int(self.cpus_per_trial))

    @property
    def device(self) -> str:
        return "cuda" if self.gpus_per_trial > 0 else "cpu"

    @property
    def n_devices(self) -> int:
        """GPUs of a trial, if it has several whole ones: they share each of its batches."""
        return max(1, int(self.gpus_per_trial))

    @property
    def request(self) -> dict[str, float]:
        """The resources of one worker, as Ray takes them."""
        return {"cpu": self.cpus_per_trial, "gpu": self.gpus_per_trial}

    @classmethod
    def of(cls, run_config: RunConfig, machine: Machine, memory: "GpuMemory | None" = None) -> "Resources":
        """A GPU is shared by up to MOST_PER_GPU trials, as far as its `memory` suffices, and the CPUs are divided among
        the trials. What the run config sets stands, within what a Ray that runs already has.

        Raises UserError for what a trial cannot have, which Ray would wait for for ever or refuse late, and for
        GPU-hours without a GPU.
        """
        _check_concurrency(run_config, machine)
        gpus = run_config.gpus_per_trial
        if gpus is not None:
            _check_gpus(gpus, len(machine.gpu_bytes))
        if gpus is None:
            gpus = 1 / _trials_per_gpu(machine, memory) if machine.gpu_bytes else 0.0
        if run_config.max_gpu_hours is not None and not gpus:
            raise UserError(
                "`max_gpu_hours` counts the GPU time of trials", "a search on the CPU", "Set `time_limit` or `budget`."
            )
        places = _places(run_config.cpus_per_trial or 1, gpus, machine)
        if not places:
            raise _no_place(run_config, gpus, machine)
        concurrency = run_config.concurrency or max(1, min(places, run_config.budget // BUDGET_PER_WORKER))
        if machine.node_cpus and run_config.cpus_per_trial:  # the rest would queue, and be timed as if they ran
            concurrency = min(concurrency, places)
        cpus: float = run_config.cpus_per_trial or machine.cpus / concurrency
        if not run_config.cpus_per_trial and cpus > 1:
            # The most with which all trials fit: each has its CPUs and GPUs on one node.
            fitting = (n for n in range(math.floor(cpus), 1, -1) if _places(n, gpus, machine) >= concurrency)
            cpus = float(next(fitting, 1)) if machine.node_cpus else float(math.floor(cpus))
        return cls(concurrency, cpus, gpus)


def _places(cpus: int, gpus: float, machine: Machine) -> int:
    """Trials of `cpus` and `gpus` that `machine` has at a time, each on one node."""
    if not gpus:
        return sum(there // cpus for there, _ in machine.nodes)
    # A trial on a whole number of GPUs shares none of them.
    per_gpu = math.floor(1 / gpus + 1e-9) if gpus <= 1 else 1 / gpus
    return sum(min(there // cpus, math.floor(n_gpus * per_gpu)) for there, n_gpus in machine.nodes)


def _trials_per_gpu(machine: Machine, memory: "GpuMemory | None") -> int:
    fitting = max(1, min(machine.gpu_bytes) // GPU_BYTES_PER_TRIAL) if memory is None else memory.trials
    per_gpu = min(MOST_PER_GPU, fitting)
    # No smaller shares than there are CPUs for: what no trial uses, the others can.
    beside = sum(cpus for cpus, gpus in machine.nodes if gpus)
    return max(1, min(per_gpu, math.ceil(beside / len(machine.gpu_bytes))))


def _check_concurrency(run_config: RunConfig, machine: Machine) -> None:
    if (run_config.concurrency or 1) > MOST_PER_CPU * max(machine.cpus, 1):
        raise UserError(
            f"`concurrency` is at most {MOST_PER_CPU} for each CPU: every one of them is a process",
            f"{run_config.concurrency} where {machine.cpus} CPUs are there",
            "Lower it, or leave it out.",
        )


def _no_place(run_config: RunConfig, gpus: float, machine: Machine) -> UserError:
    wanted = f"{run_config.cpus_per_trial or 1} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
    largest = sorted(set(machine.nodes), reverse=True)[:_SHOWN_NODES]
    there = ", ".join(f"{cpus} CPUs and {n} GPUs" if machine.gpu_bytes else f"{cpus} CPUs" for cpus, n in largest)
    of = "nodes that have" if machine.node_cpus else "a machine that has"
    return UserError(
        "a trial has its CPUs and GPUs (`cpus_per_trial`, `gpus_per_trial`) on one node",
        f"{wanted}, of {of} {there}",
        "Lower them, or leave them out; `gpus_per_trial` 0 trains on CPUs.",
    )


def _check_gpus(per_trial: float, there: int) -> None:
    if per_trial > 1 and not per_trial.is_integer():
        raise UserError("`gpus_per_trial` is a share of one GPU or a whole number of them", per_trial, "Round it.")
    if per_trial > there:
        raise UserError(
            "`gpus_per_trial` is at most the GPUs that there are",
            f"{per_trial:g} where {there} are seen",
            "Lower it, or leave it out to use what is there.",
        )

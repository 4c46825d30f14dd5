"""How many trials at a time, and what each may use: from the machine, unless the study says."""

import math
import os
from dataclasses import dataclass

import torch

from hsiauto.config import RunConfig
from hsiauto.errors import UserError

GPU_BYTES_PER_TRIAL = 8 * 2**30
"""Where it was not measured: the families are small."""
ROOM = 1.5
"""Times what the largest preset takes: samplers draw larger configs, and allocators waste some."""
MOST_PER_GPU = 4
"""Kernels of different processes take turns."""
BUDGET_PER_WORKER = 5
"""Trials for each that runs at a time: with fewer, the sampler proposes before it has learned anything."""


@dataclass(frozen=True)
class Machine:
    """What there is."""

    cpus: int
    gpu_bytes: tuple[int, ...] = ()
    """Memory of each GPU."""
    node_cpus: tuple[int, ...] = ()
    """CPUs of each node of a cluster; empty: one machine."""

    @classmethod
    def here(cls) -> "Machine":
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return cls(cpus, tuple(torch.cuda.get_device_properties(i).total_memory for i in range(gpus)))


@dataclass(frozen=True)
class Room:
    """Of a GPU."""

    free_bytes: int
    need_bytes: int
    """Of one trial."""

    @property
    def trials(self) -> int:
        """That fit beside each other; at least one, which may then run out of memory and say so."""
        return max(1, math.floor(self.free_bytes / (self.need_bytes * ROOM)))


@dataclass(frozen=True)
class Resources:
    """What one study uses."""

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
        """As Ray wants it."""
        return {"cpu": self.cpus_per_trial, "gpu": self.gpus_per_trial}

    @classmethod
    def of(cls, run_config: RunConfig, machine: Machine, room: Room | None = None) -> "Resources":
        """GPUs are shared by up to MOST_PER_GPU trials, as far as there is `room`, and CPUs divided among them; what
        the study sets stands.

        Raises UserError for GPUs that a trial cannot have: Ray would wait for them for ever, or refuse them late; and
        for GPU-hours without a GPU.
        """
        if machine.node_cpus and (run_config.cpus_per_trial or 1) > max(machine.node_cpus):
            raise UserError(
                "--cpus-per-trial is at most what a node of the cluster has",
                f"{run_config.cpus_per_trial} where the largest has {max(machine.node_cpus)}",
                "Lower it, or leave it out.",
            )
        gpus = run_config.gpus_per_trial
        if gpus is not None:
            _check_gpus(gpus, len(machine.gpu_bytes))
        if gpus is None:
            gpus = 1 / _trials_per_gpu(machine, room) if machine.gpu_bytes else 0.0
        if run_config.max_gpu_hours is not None and not gpus:
            raise UserError(
                "--max-gpu-hours counts the GPU time of trials",
                "a search on the CPU",
                "Use --time-limit or --budget there.",
            )
        concurrency = run_config.concurrency
        if concurrency is None:
            places = machine.cpus // (run_config.cpus_per_trial or 1)
            if gpus > 0 and machine.gpu_bytes:
                # A trial on a whole number of GPUs shares none of them.
                per_gpu_fit = math.floor(1 / gpus + 1e-9) if gpus <= 1 else 1 / gpus
                places = min(places, math.floor(len(machine.gpu_bytes) * per_gpu_fit))
            concurrency = max(1, min(places, run_config.budget // BUDGET_PER_WORKER))
        cpus: float = run_config.cpus_per_trial or machine.cpus / concurrency
        if not run_config.cpus_per_trial and cpus > 1:
            cpus = float(math.floor(cpus))
            if machine.node_cpus:  # a trial has its CPUs on one node
                cpus = float(_cpus_on_nodes(machine.node_cpus, concurrency, int(cpus)))
        return cls(concurrency, cpus, gpus)


def _cpus_on_nodes(node_cpus: tuple[int, ...], concurrency: int, most: int) -> int:
    """The most CPUs, up to `most`, with which `concurrency` trials fit on the nodes at once; at least 1."""
    fitting = (cpus for cpus in range(most, 1, -1) if sum(n // cpus for n in node_cpus) >= concurrency)
    return next(fitting, 1)


def _trials_per_gpu(machine: Machine, room: Room | None) -> int:
    fitting = max(1, min(machine.gpu_bytes) // GPU_BYTES_PER_TRIAL) if room is None else room.trials
    per_gpu = min(MOST_PER_GPU, fitting)
    # No smaller shares than there are CPUs for: what no trial uses, the others can.
    return max(1, min(per_gpu, math.ceil(machine.cpus / len(machine.gpu_bytes))))


def _check_gpus(per_trial: float, there: int) -> None:
    if per_trial > 1 and not per_trial.is_integer():
        raise UserError("--gpus-per-trial is a share of one GPU or a whole number of them", per_trial, "Round it.")
    if per_trial > there:
        raise UserError(
            "--gpus-per-trial is at most what this machine has",
            f"{per_trial:g} where PyTorch sees {there} of them",
            "Lower it, or leave it out to use what is there.",
        )

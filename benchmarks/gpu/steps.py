"""A training step and an epoch of every family: bf16 and float32, batches on the device and from the host."""

import statistics
import time
from collections.abc import Callable
from functools import partial

from benchmarks.gpu.bench import NO_CUDA, Bench, Figures, endless
from benchmarks.gpu.clock import busy_share, mean_seconds
from hsiauto.families.base import TorchConfig
from hsiauto.families.costs import parameters
from hsiauto.training.memory import Peak


def cells(bench: Bench) -> dict[str, Callable[[], Figures]]:
    return {name: partial(measure, bench, config) for name, config in bench.configs().items()}


def measure(bench: Bench, config: TorchConfig) -> Figures:
    return {
        "batch": config.batch_size,
        "steps_per_epoch": bench.trainer(config).steps_per_epoch,
        "parameters": parameters(config, bench.data.cube.shape[2], bench.data.n_classes),
        "bf16": _in_precision(bench, config, mixed=True) if bench.on_cuda else NO_CUDA,
        "float32": _in_precision(bench, config, mixed=False),
        "host_step_seconds": _from_host(bench, config) if bench.on_cuda else NO_CUDA,
    }


def _in_precision(bench: Bench, config: TorchConfig, *, mixed: bool) -> Figures:
    trainer = bench.trainer(config)
    trainer.mixed_precision = mixed
    peak, epochs = Peak(trainer.device), trainer.run(trainer.max_epochs)
    next(epochs)  # pays for kernels, allocations and a warm start
    seconds, began = [next(epochs).seconds], time.perf_counter()
    while time.perf_counter() - began < bench.loop_s:
        seconds.append(next(epochs).seconds)
    trainer.module.train()
    batches = endless(trainer)
    step_s = mean_seconds(step := lambda: trainer.step(*next(batches)), bench.device, bench.loop_s)
    return {
        "step_seconds": step_s,
        "epoch_seconds": statistics.median(seconds),
        "peak_memory_bytes": peak.bytes,
        "busy_share_kernels": busy_share(step, bench.device, step_s),
    }


def _from_host(bench: Bench, config: TorchConfig) -> float:
    trainer, batches = bench.trainer(config), endless(bench.trainer(config, device="cpu"))
    trainer.module.train()

    def step() -> None:
        x, y = next(batches)
        trainer.step(x.to(trainer.device), y.to(trainer.device))

    return mean_seconds(step, bench.device, bench.loop_s)

"""N equal trials at once: on streams of one process, in processes of their own, stacked into one model."""

import multiprocessing
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmarks.gpu.bench import NO_CUDA, PRELOADED, Bench, Figures, Missing, endless
from benchmarks.gpu.clock import Act, Nvml, mean_seconds, synchronize
from benchmarks.gpu.graphs import Graphed
from benchmarks.gpu.stacked import Stacked
from hsiauto.training.gpu_memory import Cuda, probe

EPOCHS = 50
"""Of a trial."""
_LOOPS = 3
"""Longer than a step's, for NVML's slow samples."""


def cells(bench: Bench) -> dict[str, Callable[[], Figures] | Missing]:
    few = bench.quick or not bench.on_cuda
    found: dict[str, Callable[[], Figures] | Missing] = {
        "memory": partial(memory, bench) if bench.on_cuda else NO_CUDA,
        "alone": partial(streams, bench, 1),
    }
    for n in (2,) if few else (4, 16):
        found[f"streams-{n}"] = partial(streams, bench, n)
    for n in (2,) if few else (2, 4, 8, 16):
        found[f"processes-{n}"] = partial(processes, bench, n)
    for n in (2,) if few else (4, 16, 64):
        found[f"stacked-{n}"] = partial(stacked, bench, n, graph=False)
        found[f"stacked-{n}-graph"] = partial(stacked, bench, n, graph=True) if bench.on_cuda else NO_CUDA
    return found


def memory(bench: Bench) -> Figures:
    """By the probe that decides how many trials share a GPU."""
    found = probe(bench.trial_config(), bench.data, Cuda())
    return {"free_bytes": found.free_bytes, "trial_bytes": found.trial_bytes, "fit": found.trials}


def streams(bench: Bench, n: int) -> Figures:
    """A step of each in turn: while the device computes one, the host launches the next."""
    steps = [_stepping(bench, seed) for seed in range(n)]

    def own_stream() -> AbstractContextManager[Any]:
        return torch.cuda.stream(torch.cuda.Stream()) if bench.on_cuda and n > 1 else nullcontext()

    own = [own_stream() for _ in steps]
    synchronize(bench.device)  # what the trainers were made with, on the stream of all

    def all_of_them() -> None:
        for stream, step in zip(own, steps, strict=True):
            with stream:
                step()

    with Nvml(bench.device) as nvml:
        seconds = mean_seconds(all_of_them, bench.device, _LOOPS * bench.loop_s)
    return _figures(bench, n / seconds, nvml)


def processes(bench: Bench, n: int) -> Figures:
    """Each has made its first steps before any is timed."""
    context, lines = multiprocessing.get_context("forkserver"), list[Connection]()
    context.set_forkserver_preload(PRELOADED)
    for seed in range(n):
        here, there = context.Pipe()
        context.Process(target=_one_of_many, args=(bench, seed, there), daemon=True).start()
        there.close()
        lines.append(here)
    try:
        for line in lines:
            line.recv()
        with Nvml(bench.device) as nvml:
            for line in lines:
                line.send(None)
            steps_per_second = sum(line.recv() for line in lines)
    except (EOFError, ConnectionError) as gone:
        raise RuntimeError(f"one of {n} processes died") from gone
    return _figures(bench, steps_per_second, nvml)


def _one_of_many(bench: Bench, seed: int, line: Connection) -> None:
    torch.set_num_threads(1)
    step = _stepping(bench, seed)
    mean_seconds(step, bench.device, 0.0)
    line.send(None)
    line.recv()
    line.send(1 / mean_seconds(step, bench.device, _LOOPS * bench.loop_s))


def stacked(bench: Bench, n: int, *, graph: bool) -> Figures:
    models = Stacked([bench.trainer(bench.trial_config(), seed=seed) for seed in range(n)], capturable=graph)
    batches = models.batches()
    step = Graphed(models.step, *next(batches)) if graph else models.step
    with Nvml(bench.device) as nvml:
        seconds = mean_seconds(lambda: step(*next(batches)), bench.device, _LOOPS * bench.loop_s)
    return _figures(bench, n / seconds, nvml)


def _stepping(bench: Bench, seed: int) -> Act:
    trainer = bench.trainer(bench.trial_config(), seed=seed)
    trainer.module.train()
    batches = endless(trainer)
    return lambda: trainer.step(*next(batches))


def _figures(bench: Bench, steps_per_second: float, nvml: Nvml) -> Figures:
    steps = EPOCHS * bench.trainer(bench.trial_config()).steps_per_epoch
    return {"trials_per_hour": 3600 * steps_per_second / steps, "busy_share_nvml": nvml.share}

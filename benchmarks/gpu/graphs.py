"""A training step that is launched once: as a CUDA graph, and compiled."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks.gpu.bench import NO_CUDA, Batch, Bench, Figures, Missing, endless
from benchmarks.gpu.clock import WARM_UP, mean_seconds, synchronize
from hsiauto.families.base import TileConfig, TorchConfig
from hsiauto.training.trainer import Trainer

Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Graphed:
    """`step` captured for batches of the shape of (x, y); its optimisers must be capturable."""

    def __init__(self, step: Step, x: torch.Tensor, y: torch.Tensor) -> None:
        self._x, self._y = x.clone(), y.clone()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                step(self._x, self._y)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = step(self._x, self._y)

    def __call__(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self._x.copy_(x)
        self._y.copy_(y)
        self._graph.replay()
        return self._loss


def graph_cells(bench: Bench) -> dict[str, Callable[[], Figures] | Missing]:
    return {n: partial(graphed, bench, c) if bench.on_cuda else NO_CUDA for n, c in bench.configs().items()}


def compile_cells(bench: Bench) -> dict[str, Callable[[], Figures] | Missing]:
    """Tile families last: their scans are long loops, which take minutes to compile."""
    configs = sorted(bench.configs().items(), key=lambda named: isinstance(named[1], TileConfig))
    return {name: partial(compiled, bench, config) if bench.on_cuda else NO_CUDA for name, config in configs}


def graphed(bench: Bench, config: TorchConfig) -> Figures:
    trainer = _capturable(bench, config)
    eager_s = _step_s(bench, trainer, trainer.step)
    began = time.perf_counter()
    graph = Graphed(trainer.step, *next(_whole(trainer)))
    synchronize(bench.device)
    captured_s = time.perf_counter() - began
    graph_s = _step_s(bench, trainer, graph)
    return {"eager_step_seconds": eager_s, "graph_step_seconds": graph_s, "capture_seconds": captured_s}


def compiled(bench: Bench, config: TorchConfig) -> Figures:
    torch.compiler.reset()  # or, after a few families, what is compiled anew stays eager
    trainer = _capturable(bench, config)
    eager_s = _step_s(bench, trainer, trainer.step)
    trainer.loss = torch.compile(trainer.loss, dynamic=False)
    batches, began = _whole(trainer), time.perf_counter()
    for _ in range(WARM_UP):
        trainer.step(*next(batches))
    synchronize(bench.device)
    first_s = time.perf_counter() - began
    compiled_s = _step_s(bench, trainer, trainer.step)
    return {
        "eager_step_seconds": eager_s,
        "compiled_step_seconds": compiled_s,
        "compile_seconds": first_s - WARM_UP * compiled_s,
        "graph_step_seconds": _captured_s(bench, trainer),
    }


def _captured_s(bench: Bench, trainer: Trainer) -> float | Missing:
    try:
        return _step_s(bench, trainer, Graphed(trainer.step, *next(_whole(trainer))))
    except RuntimeError as error:  # the cell's last figure: what was measured before stands
        return Missing(f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _capturable(bench: Bench, config: TorchConfig) -> Trainer:
    trainer = bench.trainer(config)
    trainer.module.train()
    for group in trainer.optimizer.param_groups:
        group["capturable"] = True
    return trainer


def _step_s(bench: Bench, trainer: Trainer, step: Step) -> float:
    batches = _whole(trainer)
    return mean_seconds(lambda: step(*next(batches)), bench.device, bench.loop_s)


def _whole(trainer: Trainer) -> Iterator[Batch]:
    """Batches without end, of the largest shape alone."""
    largest = max((x for x, _ in trainer.batches()), key=len).shape
    return ((x, y) for x, y in endless(trainer) if x.shape == largest)

"""CPU seconds of a training step of each network: as it is, against other ways to take the same step, in turns.

    python -m benchmarks.step_variants [--families claresnet ssftt] [--preset small] [--seconds 3]

A scene of noise the size of Indian Pines, 1,025 pixels an epoch. Each way has a trainer of its own, with the same seed.
A cell says how many times as long its step takes as the step as it is, in the median over turns; `=`: its loss after
`--steps` steps is the same within 1e-5. Seconds are those of the process, of both threads together: two threads at 1.00
would train a trial in half of the time, and above that two trials of one thread get more done than one of two.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

# Read when torch is imported.
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # what was compiled before is compiled again
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in a worker

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.batches import noise_scene
from hsiauto.families import FAMILIES
from hsiauto.families.base import TorchConfig
from hsiauto.models.memory import kept_memory
from hsiauto.training.threads import flushed_denormals
from hsiauto.training.trainer import Trainer

EPOCHS = 1000
"""Of the schedule: more than any timing takes."""
SAME = 1e-5
TURN_S = 0.2
AS_IT_IS = "as it is"

Change = Callable[[Trainer], None]
Around = Callable[[], AbstractContextManager[object]]


def layout(kind: type[nn.Conv2d | nn.Conv3d], wanted: torch.memory_format) -> Change:
    """Convolutions of `kind` with weights and input in another memory layout."""

    def change(trainer: Trainer) -> None:
        for part in trainer.module.modules():
            if isinstance(part, kind):
                part.weight.data = part.weight.data.contiguous(memory_format=wanted)
                part.register_forward_pre_hook(lambda _, x: (x[0].contiguous(memory_format=wanted),))

    return change


def in_place(trainer: Trainer) -> None:
    for part in trainer.module.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = True


def compiled(trainer: Trainer) -> None:
    trainer.loss = torch.compile(trainer.loss)


def optimizer(**how: Any) -> Change:
    def change(trainer: Trainer) -> None:
        one, config = trainer.optimizer, trainer.config
        rates: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
        trainer.optimizer = type(one)(trainer.module.parameters(), **rates, **how)

    return change


@contextmanager
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    try:
        yield
    finally:
        torch.set_num_threads(1)


def bf16() -> AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16)


AROUND: tuple[Around, ...] = (flushed_denormals, kept_memory)
WAYS: dict[str, tuple[Change, tuple[Around, ...]]] = {
    AS_IT_IS: (lambda trainer: None, AROUND),
    "channels first": (layout(nn.Conv2d, torch.contiguous_format), AROUND),
    "channels last, 3-D": (layout(nn.Conv3d, torch.channels_last_3d), AROUND),
    "ReLU in place": (in_place, AROUND),
    "compiled": (compiled, AROUND),
    "bf16": (lambda trainer: None, (*AROUND, bf16)),
    "2 threads": (lambda trainer: None, (*AROUND, two_threads)),
    "Adam by foreach": (optimizer(foreach=True), AROUND),
    "Adam by loop": (optimizer(foreach=False), AROUND),
    "denormals kept": (lambda trainer: None, (kept_memory,)),
    "memory given back": (lambda trainer: None, (flushed_denormals,)),
}
NEEDS: dict[str, type[nn.Module]] = {
    "channels first": nn.Conv2d,
    "channels last, 3-D": nn.Conv3d,
    "ReLU in place": nn.ReLU,
}
"""What a network has if the way changes anything for it."""


class Running:
    """A trainer that takes steps in one way."""

    def __init__(self, config: TorchConfig, way: str) -> None:
        change, self._around = WAYS[way]
        self.trainer = Trainer(config, noise_scene(), seed=0, max_epochs=EPOCHS)
        change(self.trainer)
        self._steps = (loss for _ in range(EPOCHS) for loss in self.trainer.steps())

    def take(self, n: int) -> tuple[float, float]:
        """CPU seconds a step, and the loss of the last one."""
        with ExitStack() as stack:
            for around in self._around:
                stack.enter_context(around())
            began = time.process_time()
            losses = [next(self._steps) for _ in range(n)]
            return (time.process_time() - began) / n, float(losses[-1])

    def batching(self) -> float:
        """CPU seconds to gather the batch of a step."""
        began = time.process_time()
        n = sum(1 for _ in self.trainer.batches())
        return (time.process_time() - began) / n


def compared(config: TorchConfig, ways: list[str], seconds: float, n_steps: int) -> dict[str, str]:
    """Heading -> cell."""
    runs, losses, first = {}, {}, {}
    for way in (AS_IT_IS, *ways):
        torch.manual_seed(0)  # of dropout
        runs[way] = Running(config, way)
        if way in NEEDS and not any(isinstance(part, NEEDS[way]) for part in runs[way].trainer.module.modules()):
            del runs[way]
            continue
        first[way], _ = runs[way].take(1)
        _, losses[way] = runs[way].take(n_steps - 1)
    base = runs[AS_IT_IS]
    at_once = max(1, round(TURN_S / base.take(1)[0]))
    turns: list[dict[str, float]] = []
    until = time.process_time() + seconds * len(runs)
    while time.process_time() < until:
        turns.append({way: run.take(at_once)[0] for way, run in runs.items()})
    step_s = min(turn[AS_IT_IS] for turn in turns)
    cells = {"ms a step": f"{1e3 * step_s:.1f}", "batch, %": f"{100 * base.batching() / step_s:.1f}"}
    for way in [way for way in ways if way in runs]:
        ratio = statistics.median(turn[way] / turn[AS_IT_IS] for turn in turns)
        cells[way] = f"{ratio:.2f}" + (" =" if abs(losses[way] - losses[AS_IT_IS]) <= SAME else "")
        if way == "compiled":
            gained = base.trainer.steps_per_epoch * step_s * (1 - ratio)
            even = f"{first[way] / gained:.0f}" if gained > 0 else "never"
            cells["to compile, s"], cells["even after epochs"] = f"{first[way]:.0f}", even
    return cells


def config_of(family: str, preset: str) -> TorchConfig:
    kind = FAMILIES[family]
    config = kind.preset(preset if preset in kind.presets else "paper")
    assert isinstance(config, TorchConfig)
    return config


def main() -> None:
    networks, others = [name for name, config in FAMILIES.items() if config.kind == "torch"], list(WAYS)[1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=networks, default=networks)
    parser.add_argument("--preset", default="small", help="the paper preset if a family has none of this name")
    parser.add_argument("--ways", nargs="+", choices=others, default=others)
    parser.add_argument("--seconds", type=float, default=3, help="that each way is timed for")
    parser.add_argument("--steps", type=int, default=20, help="after which losses are compared")
    asked = parser.parse_args()
    rows = {}
    for family in asked.families:
        rows[family] = compared(config_of(family, asked.preset), asked.ways, asked.seconds, asked.steps)
    table = Table(title=f"{asked.preset} preset: how many times as long a step takes in another way")
    headings = list(dict.fromkeys(heading for cells in rows.values() for heading in cells))
    for heading in ("family", *headings):
        table.add_column(heading, justify="left" if heading == "family" else "right")
    for family, cells in rows.items():
        table.add_row(family, *(cells.get(heading, "") for heading in headings))
    Console(width=180).print(table)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

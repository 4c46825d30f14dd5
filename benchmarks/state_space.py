"""The scans of the state space layer against a Python loop over tokens, side by side in one run.

Forward and backward of the scan alone, float32, 64 channels and 16 states: a batch of short sequences and one long
sequence. The loop is the recurrence as one would write it, differentiated by autograd; the sequential rows run the same
recurrence with the backward by hand. Prints the fastest of the repeats, and the loop's time over it. On a machine that
is busy with other work, count the process's own seconds (`--clock cpu`, with one thread).

    python -m benchmarks.state_space [--repeats 5] [--threads 1] [--clock wall]
"""

import argparse
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from hsiauto.families.layers.selective_scan import selective_scan
from hsiauto.families.layers.ssd import HEAD_CHANNELS, ssd

CHANNELS, STATES = 64, 16
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SHAPES = {"64 x 121": (64, 121), "1 x 20,000": (1, 20_000)}
Scan = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def python_loop(x_BLE: Tensor, step_BLE: Tensor, rate_EN: Tensor, write_BLN: Tensor, read_BLN: Tensor) -> Tensor:
    """The recurrence, token by token."""
    state = x_BLE.new_zeros(len(x_BLE), *rate_EN.shape)
    outputs = []
    for t in range(x_BLE.shape[1]):
        decay = torch.exp(step_BLE[:, t, :, None] * rate_EN)
        state = decay * state + (step_BLE[:, t] * x_BLE[:, t])[..., None] * write_BLN[:, t, None]
        outputs.append((state * read_BLN[:, t, None]).sum(-1))
    return torch.stack(outputs, dim=1)


def by_heads(x_BLE: Tensor, step_BLE: Tensor, rate_EN: Tensor, write_BLN: Tensor, read_BLN: Tensor) -> Tensor:
    """SSD at the same channels and states; a head takes the step and the rate of its first channel."""
    x_BLHP = x_BLE.unflatten(-1, (-1, HEAD_CHANNELS))
    first = slice(None, None, HEAD_CHANNELS)
    return ssd(x_BLHP, step_BLE[..., first], rate_EN[first, 0], write_BLN, read_BLN)


def milliseconds(scan: Scan, n_sequences: int, length: int, repeats: int, clock: Callable[[], float]) -> float:
    """The fastest of `repeats` after one that is not counted."""
    torch.manual_seed(0)
    sequence = (n_sequences, length)
    inputs = [
        torch.randn(*sequence, CHANNELS),
        torch.rand(*sequence, CHANNELS) * 0.1,
        -torch.rand(CHANNELS, STATES) * 16,
        torch.randn(*sequence, STATES),
        torch.randn(*sequence, STATES),
    ]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    taken = []
    for _ in range(repeats + 1):
        start = clock()
        torch.autograd.grad(scan(*inputs).sum(), inputs)
        taken.append(clock() - start)
    return min(taken[1:]) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    rows: dict[str, Scan] = {"python loop": python_loop, "mamba1": selective_scan, "ssd": by_heads}
    title = f"forward + backward, {arguments.threads} thread(s), {arguments.clock} time"
    table = Table("scan", *(column for name in SHAPES for column in (f"{name}, ms", "loop / this")), title=title)
    loop: dict[str, float] = {}
    for name, scan in rows.items():
        cells = []
        for shape, (n_sequences, length) in SHAPES.items():
            repeats = 1 if scan is python_loop else arguments.repeats
            taken = milliseconds(scan, n_sequences, length, repeats, CLOCKS[arguments.clock])
            loop.setdefault(shape, taken)
            cells += [f"{taken:,.0f}", f"{loop[shape] / taken:.1f}"]
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()

"""Seconds of a training epoch and of a prediction, here and in another checkout, in turns.

    python -m benchmarks.steps --against DIR --families claresnet ssftt [--preset small] [--rounds 5] [--pixels 256]

One thread. Each round is a process of its own for either checkout: it trains two epochs of noise the size of Indian
Pines, of which the second counts, and predicts as many pixels. Seconds are of the process, so that a busy machine
changes them little; the table has medians, of the ratios too, which are taken round by round.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.batches import noise_scene
from hsiauto.families import FAMILIES
from hsiauto.families.base import TorchConfig
from hsiauto.training.trainer import Trainer

HERE = Path(__file__).resolve().parents[1]


def measure(family: str, preset: str, n_pixels: int) -> tuple[float, float]:
    """CPU seconds of an epoch and of the prediction of its pixels."""
    config, scene = FAMILIES[family].preset(preset), noise_scene()
    assert isinstance(config, TorchConfig)
    data = replace(scene, train_pixels=scene.train_pixels[:n_pixels], train_labels=scene.train_labels[:n_pixels])
    trainer = Trainer(config, data, seed=0, max_epochs=2)
    next(trainer.run(1))
    began = time.process_time()
    next(trainer.run(2))
    trained = time.process_time()
    trainer.fitted().probabilities(data.cube, data.valid, data.train_pixels)
    return trained - began, time.process_time() - trained


def measured_in(checkout: Path, *arguments: str) -> list[float]:
    """`measure` in a process whose modules are those of `checkout`."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--measure", *arguments]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return [float(seconds) for seconds in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="root of the other checkout")
    parser.add_argument("--families", nargs="+", required=True)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pixels", type=int, default=256, help="that an epoch trains")
    asked = parser.parse_args()
    table = Table(title=f"{asked.preset} preset, an epoch of {asked.pixels} pixels and their prediction, CPU seconds")
    for heading in ("family", "train, here", "there", "there / here", "predict, here", "there", "there / here"):
        table.add_column(heading, justify="left" if heading == "family" else "right")
    for family in asked.families:
        of_family = (family, asked.preset, str(asked.pixels))
        rounds = [(measured_in(HERE, *of_family), measured_in(asked.against, *of_family)) for _ in range(asked.rounds)]
        cells = []
        for what in (0, 1):
            here, there = ([seconds[side][what] for seconds in rounds] for side in (0, 1))
            ratio = statistics.median(b / a for a, b in zip(here, there, strict=True))
            cells += [f"{statistics.median(here):.2f}", f"{statistics.median(there):.2f}", f"{ratio:.2f}"]
        table.add_row(family, *cells)
    Console().print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        torch.set_num_threads(1)
        print(*measure(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        main()

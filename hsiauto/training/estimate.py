"""What a config costs on this machine, before anything is searched.

Seconds are those of the real trainer on the real scene: a few steps, the first left out, their median times the steps
of an epoch; then validation. Nothing takes much longer than a limit: a network whose batch is too slow for it is timed
with smaller batches, a validation or a classical fit that is too long on fewer pixels. `basis` says so.
"""

import itertools
import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import psutil
import torch

from hsiauto.families.base import ClassicalConfig, FamilyConfig, TileConfig, TorchConfig
from hsiauto.families.costs import macs, parameters, training_bytes
from hsiauto.models.batches import batches_for, cached_scene
from hsiauto.models.batches.labelled import every_class_first
from hsiauto.models.batches.tiles import TRAINING_PIXELS
from hsiauto.models.features import Features
from hsiauto.models.fitted.classical import fit_classical
from hsiauto.split.seal import TrialData
from hsiauto.training.memory import Peak
from hsiauto.training.trainer import ENDLESS, Trainer

LIMIT_S = 5.0
"""Roughly the time that the measurements of one config take."""
_MOST_STEPS = 9
_SMALL_BATCH, _FEW_PIXELS = 8, 16
_GROWTH = 8
_FEW_ROWS = 256
"""Training pixels in the first fit of a classical family."""


@dataclass(frozen=True)
class Estimate:
    """The cost of one config on one scene, on this machine."""

    config: FamilyConfig
    parameters: int | None
    """None for a classical family."""
    macs: int | None
    """Multiply-adds of one prediction; None for a classical family."""
    memory_bytes: int
    """CUDA: the most that was allocated. CPU: weights, gradients, moments, one step and the preprocessed scene, as
    predicted; for a classical family its features."""
    epoch_seconds: float
    """Training and validation; for a classical family its one fit. NaN if it was not measured."""
    full_seconds: float
    """All epochs."""
    basis: str
    """What was measured."""


def estimate(
    config: FamilyConfig,
    data: TrialData,
    *,
    max_epochs: int,
    device: torch.device | str = "cpu",
    n_threads: int = 1,
    limit_s: float = LIMIT_S,
) -> Estimate:
    """Measure `config` on `data` for about `limit_s` seconds.

    `n_threads` are those of a classical family; torch's are the caller's. Raises UserError if `data` cannot feed
    `config`.
    """
    if isinstance(config, TorchConfig):
        return _network(config, data, max_epochs, torch.device(device), limit_s)
    assert isinstance(config, ClassicalConfig), f"{config.family} is a reference: it is never searched"
    memory = _features_bytes(config, data)
    seconds, basis = _fit_seconds(config, data, n_threads, limit_s)
    return Estimate(config, None, None, memory, seconds, seconds, basis)


def _network(config: TorchConfig, data: TrialData, max_epochs: int, device: torch.device, limit_s: float) -> Estimate:
    n_bands, n_classes = data.cube.shape[2], data.n_classes
    counts = parameters(config, n_bands, n_classes), macs(config, n_bands, n_classes)
    on_cuda = device.type == "cuda"
    memory = predicted_bytes(config, data)
    free = torch.cuda.mem_get_info(device)[0] if on_cuda else psutil.virtual_memory().available
    if memory > free:
        return Estimate(config, *counts, memory, math.nan, math.nan, "nothing: it needs more memory than is free")
    peak = Peak(device) if on_cuda else None
    seconds, basis = _epoch_seconds(config, data, device, limit_s)
    if peak is not None:
        memory = peak.bytes
    return Estimate(config, *counts, memory, seconds, seconds * max_epochs, basis)


def predicted_bytes(config: TorchConfig, data: TrialData) -> int:
    height, width, n_bands = data.cube.shape
    samples = None
    if isinstance(config, TileConfig):
        config = config.model_copy(update={"tile": min(config.tile, max(height, width))})
        n_tiles = math.ceil(height / config.tile) * math.ceil(width / config.tile)
        share = min(1.0, config.batch_size / len(data.train_pixels))
        samples = min(math.ceil(n_tiles * share), max(1, TRAINING_PIXELS // config.tile**2))
    step = training_bytes(config, n_bands, data.n_classes, samples)
    assert step is not None
    return step + height * width * (config.components or n_bands) * np.dtype(np.float32).itemsize


def _epoch_seconds(config: TorchConfig, data: TrialData, device: torch.device, limit_s: float) -> tuple[float, str]:
    """Seconds of an epoch, and what was timed. Small batches come first: they tell if whole ones can be afforded."""
    small = config.model_copy(update={"batch_size": min(config.batch_size, _SMALL_BATCH)})
    trainer = Trainer(small, data, seed=0, max_epochs=ENDLESS, device=device)
    seconds, n_steps = _step_seconds(trainer, most=1, limit_s=limit_s)
    timed = small
    if seconds * config.batch_size / small.batch_size < limit_s / 4:
        timed = config
        trainer = Trainer(config, data, seed=0, max_epochs=ENDLESS, device=device)
        seconds, n_steps = _step_seconds(trainer, most=_MOST_STEPS, limit_s=limit_s / 2)
    basis = f"{n_steps} of {trainer.steps_per_epoch} steps" if n_steps < trainer.steps_per_epoch else f"{n_steps} steps"
    if timed.batch_size < config.batch_size:
        basis += f" with batches of {timed.batch_size} instead of {config.batch_size}"
    n_val = len(data.val_pixels)
    val_seconds, n_seen = _validation_seconds(trainer, data, device, limit_s / 4) if n_val else (0.0, 0)
    if n_seen < n_val:
        basis += f", validation on {n_seen:,} of {n_val:,} pixels"
    return seconds * trainer.steps_per_epoch + val_seconds, basis


def _step_seconds(trainer: Trainer, most: int, limit_s: float) -> tuple[float, int]:
    """(median, number of steps timed), after one that warms up."""
    seconds: list[float] = []
    last = started = time.perf_counter()
    for loss in itertools.chain.from_iterable(trainer.steps() for _ in itertools.count()):
        loss.item()  # waits for the device
        now = time.perf_counter()
        seconds.append(now - last)
        last = now
        if len(seconds) > most or (len(seconds) > 1 and now - started > limit_s):
            break
    return statistics.median(seconds[1:]), len(seconds) - 1


@torch.no_grad()
def _validation_seconds(trainer: Trainer, data: TrialData, device: torch.device, limit_s: float) -> tuple[float, int]:
    """(seconds for all validation pixels, pixels that were predicted): on more and more of them while time allows."""
    config, module = trainer.config, trainer.module.eval()
    batches = batches_for(config, cached_scene(config, data, device).cube)
    pixels = torch.from_numpy(np.array(data.val_pixels)).to(device)
    n = len(pixels)
    some = math.ceil(n / _GROWTH) if isinstance(config, TileConfig) else min(n, _FEW_PIXELS)  # a tile is shared

    def predict() -> None:
        with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
            batches.logits(module, pixels[:some]).sum().item()

    while True:
        seconds = _clocked(predict)
        if some == n or seconds * _GROWTH > limit_s:
            return seconds * n / some, some
        some = min(n, some * _GROWTH)


def _fit_seconds(config: ClassicalConfig, data: TrialData, n_threads: int, limit_s: float) -> tuple[float, str]:
    """Fits on more and more pixels while time allows; from the last two, how the seconds grow towards all of them."""
    n_all, spent, power = len(data.train_pixels), 0.0, 1.0
    n = min(n_all, max(_FEW_ROWS, 2 * config.components, data.n_classes))
    before: tuple[int, float] | None = None
    while True:
        some = _subset(data, n)
        started = time.perf_counter()
        fitted = fit_classical(config, some, 0, n_threads)
        seconds = time.perf_counter() - started
        spent += seconds
        if before is not None:
            power = min(3.0, max(0.0, math.log(seconds / before[1]) / math.log(n / before[0])))
        larger = min(n_all, 4 * n)
        if n == n_all or spent + seconds * (larger / n) ** max(power, 1.0) > limit_s:
            break
        before, n = (n, seconds), larger
    validation = 0.0
    if len(data.val_pixels):
        validation = _clocked(lambda: fitted.probabilities(data.cube, data.valid, data.val_pixels))
    basis = "the whole fit" if n == n_all else f"a fit on {n:,} of {n_all:,} pixels, seconds ~ pixels ^ {power:.1f}"
    return seconds * (n_all / n) ** power + validation, basis


def _subset(data: TrialData, n: int) -> TrialData:
    """`data` with `n` of its training pixels, every class in them."""
    if n == len(data.train_pixels):
        return data
    generator = torch.Generator().manual_seed(0)
    chosen = np.sort(every_class_first(torch.from_numpy(np.array(data.train_labels)), n, generator).numpy())
    return replace(data, train_pixels=data.train_pixels[chosen], train_labels=data.train_labels[chosen])


def _features_bytes(config: ClassicalConfig, data: TrialData) -> int:
    """What NumPy holds at most while it makes the training features."""
    tracemalloc.start()
    try:
        Features.fit(config, data.cube, data.valid, data.train_pixels)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _clocked(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started

"""Every family on the device against the CPU: the same weights, the same batch."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from benchmarks.gpu.bench import NO_CUDA, Bench, Figures
from hsiauto.families.base import TileConfig, TorchConfig
from hsiauto.training.trainer import Trainer

TOLERANCE = 1e-3
_MOST_SAMPLES = 16
"""Of a batch: the CPU has to train it as well."""


def cells(bench: Bench) -> dict[str, Callable[[], Figures]]:
    return {name: partial(measure, bench, config) for name, config in bench.configs().items()}


def measure(bench: Bench, config: TorchConfig) -> Figures:
    torch.backends.cudnn.allow_tf32 = False
    if not isinstance(config, TileConfig):
        config = config.model_copy(update={"batch_size": min(config.batch_size, _MOST_SAMPLES)})
    here, there = (bench.trainer(config, epochs=1, device=device) for device in ("cpu", bench.device))
    x, y = next(here.batches())
    logits, others = _logits(here, x), _logits(there, x)
    bf16 = _logits(there, x, torch.bfloat16) if bench.on_cuda else None
    losses, other_losses = _two_losses(here, x, y), _two_losses(there, x, y)
    differences = {
        "logits": _difference(logits, others),
        "loss": abs(other_losses[0] / losses[0] - 1),
        "loss_after_a_step": abs(other_losses[1] / losses[1] - 1),
    }
    return {
        **differences,
        "first_step": losses[1] / losses[0] - 1,
        "conforms": all(difference < TOLERANCE for difference in differences.values()),
        "bf16_logits": NO_CUDA if bf16 is None else _difference(logits, bf16),
    }


@torch.no_grad()
def _logits(trainer: Trainer, x: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    with torch.autocast("cuda", dtype, enabled=dtype is not None):
        logits: torch.Tensor = trainer.module.eval()(x.to(trainer.device))
    return logits.float().cpu()


def _two_losses(trainer: Trainer, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Before and after a step. Batch statistics are those of training, and nothing is drawn at random."""
    trainer.mixed_precision = False
    for part in trainer.module.eval().modules():
        part.train(isinstance(part, nn.modules.batchnorm._BatchNorm))
    return [float(trainer.step(x.to(trainer.device), y.to(trainer.device))) for _ in range(2)]


def _difference(logits: torch.Tensor, others: torch.Tensor) -> float:
    return float((others - logits).abs().max() / logits.abs().max())

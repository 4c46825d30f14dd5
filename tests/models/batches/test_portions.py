"""Portions: runs of a batch, and gradients that add up to the whole batch's."""

from typing import Any

import pytest
import torch
from torch import nn

from hsiauto.families.base import TorchConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.models.batches import IGNORE
from hsiauto.models.batches.portions import portions, runs
from hsiauto.training.trainer import Trainer
from tests.training.test_trainer import DATA, BoundaryConfig, LineConfig


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("n_runs", [1, 2, 5])
@pytest.mark.parametrize("least", [1, 2])
def test_runs_cover_their_whole_once_and_none_is_too_short(n: int, n_runs: int, least: int) -> None:
    parts = runs(slice(3, 3 + n), n_runs, least)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(3, 3 + n))
    lengths = [part.stop - part.start for part in parts]
    assert len(parts) <= n_runs
    assert min(lengths) >= min(least, n)
    assert max(lengths) - min(lengths) <= 1


class Squared(nn.Module):
    """A linear map with a loss beside cross-entropy: the mean over labelled samples of its squared output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Conv2d(4, 3, 1)

    def training_loss(self, x: torch.Tensor, y: torch.Tensor, criterion: Any) -> torch.Tensor:
        z = self.line(x)
        loss: torch.Tensor = criterion(z, y) + 0.5 * z.square().mean(dim=1)[y != IGNORE].mean()
        return loss


@pytest.mark.parametrize("weight", [None, torch.tensor([0.2, 1.0, 5.0])])
@pytest.mark.parametrize("parts", [[slice(0, 4), slice(4, 5)], [slice(0, 1), slice(1, 2), slice(2, 5)]])
def test_weights_smoothing_and_missing_labels_are_combined_exactly(
    weight: torch.Tensor | None, parts: list[slice]
) -> None:
    module, criterion = Squared(), nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1, ignore_index=IGNORE)
    torch.manual_seed(1)
    x, y = torch.randn(5, 4, 6, 6), torch.randint(3, (5, 6, 6))
    y[torch.rand(5, 6, 6) < torch.tensor([0.9, 0.2, 0.5, 0.7, 0.1])[:, None, None]] = IGNORE
    whole = module.training_loss(x, y, criterion)
    expected = torch.autograd.grad(whole, list(module.parameters()))
    summed = torch.zeros(())
    for portion in portions(x, y, parts, criterion):
        loss = portion.share * module.training_loss(portion.x, portion.y, portion.criterion)
        loss.backward()
        summed += loss.detach()
    assert float(summed) == pytest.approx(whole.item(), rel=1e-5)
    for p, gradient in zip(module.parameters(), expected, strict=True):
        assert p.grad is not None
        torch.testing.assert_close(p.grad, gradient, rtol=0, atol=1e-5)


def first_step(config: TorchConfig, micro_batch: int | None) -> tuple[float, list[torch.Tensor], int]:
    """Loss, gradients, and the most samples that the module saw at once."""
    trainer = Trainer(config, DATA, seed=0, max_epochs=1, micro_batch=micro_batch)
    loss = float(next(trainer.steps()))
    return loss, [p.grad.clone() for p in trainer.module.parameters() if p.grad is not None], trainer.most_samples


@pytest.mark.parametrize(
    ("config", "whole", "micro_batch"),
    [
        (Cnn3dConfig(components=8, batch_size=32, class_weighting="balanced"), 32, 5),
        (
            SpectralMemoryConfig(
                width=8, heads=2, depth=1, dropout=0.0, query_norm="layer", label_smoothing=0.1, batch_size=64
            ),
            64,
            16,
        ),
        (LineConfig(tile=8, class_weighting="balanced", batch_size=90), 10, 3),
    ],
)
def test_a_step_in_micro_batches_is_the_step_of_the_batch(config: TorchConfig, whole: int, micro_batch: int) -> None:
    loss, gradients, at_once = first_step(config, None)
    same_loss, same, fewer_at_once = first_step(config, micro_batch)
    assert at_once >= whole
    assert fewer_at_once <= micro_batch
    assert same_loss == pytest.approx(loss, abs=1e-5)
    assert len(same) == len(gradients) > 0
    for a, b in zip(gradients, same, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_batch_norm_never_sees_a_single_sample(micro_batch: int) -> None:
    config = BoundaryConfig(batch_size=31)  # and three batches, the last of 28
    trainer = Trainer(config, DATA, seed=0, max_epochs=2, micro_batch=micro_batch)
    assert all(torch.isfinite(torch.tensor(epoch.train_loss)) for epoch in trainer.run(2))
    assert trainer.most_samples <= 3
    weights = trainer.fitted().weights()
    assert not torch.equal(weights["norm.running_var"], torch.ones(10))

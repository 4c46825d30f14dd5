"""A batch in portions whose gradients add up to its own: for a device that cannot hold it, or several that share it.

Cross-entropy is a mean over labelled pixels, weighted by class; what a family adds to it is a mean over labelled pixels
or samples. So with the shares of portion i, n_i / n of the pixels and w_i / w of their class weights,

    loss = sum_i n_i / n (r_i cross-entropy_i + added_i),   r_i = (w_i / w) / (n_i / n)

has the gradient of the whole batch wherever its samples do not meet: not with BatchNorm, which sees one portion at a
time, and not for terms that are no means over samples (the centres of `cssmamba`).
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from hsiauto.families.base import Criterion
from hsiauto.models.batches.labelled import IGNORE


class Portion(NamedTuple):
    """Some samples of a batch. Its part of the batch's loss is `share` times the family's loss with `criterion`."""

    x: torch.Tensor
    y: torch.Tensor
    criterion: Criterion
    share: torch.Tensor | float


def runs(whole: slice, n_runs: int, least: int) -> list[slice]:
    """`whole` in at most `n_runs` runs of nearly equal length, none shorter than `least` unless `whole` is."""
    length = whole.stop - whole.start
    n_runs = max(1, min(n_runs, length // least))
    bounds = [whole.start + length * i // n_runs for i in range(n_runs + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def portions(
    x: torch.Tensor, y: torch.Tensor, parts: Sequence[slice], criterion: nn.CrossEntropyLoss
) -> Iterator[Portion]:
    """The samples `parts` of the batch (x, y); nothing is read back from the device."""
    if list(parts) == [slice(0, len(x))]:
        yield Portion(x, y, criterion, 1.0)
        return
    n, w = _count(y), _weight(y, criterion.weight)
    for part in parts:
        y_part = y[part]
        share = _count(y_part) / n
        yield Portion(x[part], y_part, _scaled(criterion, _weight(y_part, criterion.weight) / w / share), share)


def _scaled(criterion: nn.CrossEntropyLoss, factor: torch.Tensor) -> Criterion:
    def scaled(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = criterion(logits, labels)
        return loss * factor

    return scaled


def _count(y: torch.Tensor) -> torch.Tensor:
    return (y != IGNORE).sum()


def _weight(y: torch.Tensor, weight_K: torch.Tensor | None) -> torch.Tensor:
    """The divisor of cross-entropy."""
    if weight_K is None:
        return _count(y)
    return (weight_K[y.clamp(min=0)] * (y != IGNORE)).sum()

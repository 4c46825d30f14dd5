"""Labelled pixels on the device, and the order in which they are drawn."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from hsiauto.split.budget import rank_in_class
from hsiauto.split.model import Pixels

IGNORE = -100
"""The label of a tile's pixel that no loss may read; cross-entropy's own default."""
SAMPLE_BYTES, SAMPLE_MOST = 64 << 20, 4096
"""Bytes and samples of a training set that a warm start sees at most: it costs a forward pass."""


class Labelled(NamedTuple):
    """Flat pixel indices (N,) and 0-based labels (N,), both int64."""

    pixels: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def on(cls, device: torch.device, pixels: Pixels, labels: npt.NDArray[np.int64]) -> "Labelled":
        return cls(torch.from_numpy(np.array(pixels)).to(device), torch.from_numpy(np.array(labels)).to(device))


def batch_sizes(n_samples: int, batch_size: int) -> list[int]:
    """Sizes of the batches of an epoch. A single sample left over joins the batch before it: BatchNorm needs two."""
    sizes = [batch_size] * (n_samples // batch_size)
    rest = n_samples % batch_size
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def shuffled(n_samples: int, batch_size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Random batches of 0 .. n_samples - 1, on the generator's device."""
    order = torch.randperm(n_samples, generator=generator, device=generator.device)
    yield from order.split(batch_sizes(n_samples, batch_size))


def warm_start_sample(labels: torch.Tensor, sample_bytes: int, generator: torch.Generator) -> torch.Tensor:
    """Random indices into `labels` for a warm start, if one sample takes `sample_bytes`."""
    most = max(1, min(SAMPLE_MOST, SAMPLE_BYTES // sample_bytes))
    return every_class_first(labels, most, generator)


def every_class_first(labels: torch.Tensor, most: int, generator: torch.Generator) -> torch.Tensor:
    """At most `most` random indices into `labels`: one of every class, then a second of every class, and so on."""
    if len(labels) <= most:
        return torch.arange(len(labels), device=labels.device)
    order = torch.randperm(len(labels), generator=generator, device=labels.device)
    classes = labels.cpu().numpy()
    rank = rank_in_class(classes, order.cpu().numpy())
    return torch.from_numpy(np.lexsort((classes, rank))[:most]).to(labels.device)


def drop_bands(x: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """Zero each channel (axis 1) of each sample with `probability`; 0 is a channel's training mean."""
    if probability == 0.0:
        return x
    keep = torch.rand(x.shape[:2], generator=generator, device=x.device) >= probability
    return x * keep.view(*keep.shape, *[1] * (x.ndim - 2))

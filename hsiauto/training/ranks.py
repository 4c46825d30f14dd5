"""Processes that train one model together, each on its share of every batch.

All ranks draw the same batch from the same random state and take their runs of it; what they add to the gradient is
weighted by the share of its labels (`hsiauto.models.batches.portions`), so the sum is the gradient of the batch. The
sum is taken by one explicit all-reduce over a flat buffer, not by `DistributedDataParallel`: DDP arms its hooks in
`forward`, which `training_loss` passes by; it takes a plain mean even if shares differ; and it waits for ever for a
rank that has no sample of a short batch. What it would gain, communication during the backward pass, is little in
models of this size.

Dropout and other noise of a module must differ between ranks. Each epoch, every rank seeds torch's global generator
from a number of the common state and its own rank: so the state of rank 0 is all that a checkpoint needs.

BatchNorm sees the samples of its own rank. Its running statistics, and the moving centres of a family, are averaged
after each epoch.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from hsiauto.models.batches.portions import runs

_SEEDS = 1 << 62


@dataclass(frozen=True)
class Ranks:
    """The place of this process among them. Alone, nothing is communicated."""

    rank: int = 0
    world: int = 1

    def join(self, meeting: Path, device: torch.device, timeout_s: float) -> None:
        """Meet the others through the file `meeting`. Later, a rank that is awaited for `timeout_s` is an error."""
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=dist.FileStore(str(meeting), self.world),
            rank=self.rank,
            world_size=self.world,
            timeout=timedelta(seconds=timeout_s),
        )

    def leave(self, in_order: bool) -> None:
        """in_order: all ranks leave now. Else some may be gone, and NCCL's farewell would wait for them."""
        if not in_order and dist.group.WORLD is not None:
            dist.group.WORLD.abort()
        dist.destroy_process_group()

    def own(self, n_samples: int, least: int) -> slice:
        """The samples of a batch that this rank trains on; none if fewer than `least` for each rank would be left."""
        shares = runs(slice(0, n_samples), self.world, least)
        return shares[self.rank] if self.rank < len(shares) else slice(0, 0)

    def seed_own(self, generator: torch.Generator) -> None:
        """Seed torch's global generators for one epoch, from `generator`, which all ranks have in the same state."""
        if self.world > 1:
            copy = torch.Generator(generator.device)
            copy.set_state(generator.get_state())  # so that the batches are those of one process
            common = torch.randint(_SEEDS, (), generator=copy, device=copy.device)
            torch.manual_seed(int(common) + self.rank)

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of `value` over all ranks."""
        if self.world > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    @torch.no_grad()
    def sum_gradients(self, module: nn.Module) -> None:
        """Every rank gets the sum of all gradients: the same bits. A rank without samples adds zeros."""
        if self.world == 1:
            return
        parameters = [p for p in module.parameters() if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        sizes = [p.numel() for p in parameters]
        for p, gradient, summed in zip(parameters, gradients, flat.split(sizes), strict=True):
            p.grad = gradient.copy_(summed.view_as(p))  # in its own memory layout

    @torch.no_grad()
    def share(self, module: nn.Module) -> None:
        """Every rank gets the parameters and buffers of rank 0."""
        if self.world > 1:
            for tensor in (*module.parameters(), *_buffers(module)):
                dist.broadcast(tensor, src=0)

    @torch.no_grad()
    def average_buffers(self, module: nn.Module) -> None:
        """Every rank gets the mean of the buffers; of counts, those of rank 0."""
        if self.world == 1:
            return
        for buffer in _buffers(module):
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= self.world
            else:
                dist.broadcast(buffer, src=0)


ALONE = Ranks()


def _buffers(module: nn.Module) -> Iterable[torch.Tensor]:
    """Those that training may move: constants are not persistent."""
    persistent = module.state_dict().keys()
    return [buffer for name, buffer in module.named_buffers() if name in persistent]

"""N models of one config in one stream of kernels: their weights in one tensor, N convolutions as a grouped one.

Shapes: N models, B samples of a batch, M training pixels.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks.gpu.bench import Batch
from hsiauto.families.base import PatchConfig
from hsiauto.models.batches import Labelled, cached_scene
from hsiauto.models.batches.patches import SYMMETRIES, PatchBatches
from hsiauto.training.trainer import Trainer


class Stacked:
    """Trains the modules of `trainers`, of one config of a patch family without a loss of its own, with its optimiser.

    As with the trainers one by one, but for the last, smaller batch of an epoch, which is left out, and a learning rate
    that stays.
    """

    def __init__(self, trainers: Sequence[Trainer], *, capturable: bool = False) -> None:
        first = trainers[0]
        assert isinstance(first.config, PatchConfig)
        self._config, self._data, self._device = first.config, first.data, first.device
        self._n, self._mixed = len(trainers), first.mixed_precision
        weights, self._buffers = stack_module_state([trainer.module.train() for trainer in trainers])
        self._weights = dict(weights)
        self._module = copy.deepcopy(first.module).to("meta")
        self._criterion = nn.CrossEntropyLoss(label_smoothing=first.config.label_smoothing)
        optimizer: Any = type(first.optimizer)
        self._optimizer = optimizer(
            self._weights.values(),
            lr=first.config.learning_rate,
            weight_decay=first.config.weight_decay,
            fused=True,
            capturable=capturable,
        )

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        """Batches (N, B, ...) and (N, B) -> losses (N,)."""
        self._optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=self._mixed):
            loss_N: Tensor = vmap(self._loss, randomness="different")(self._weights, self._buffers, x, y)
        loss_N.sum().backward()
        self._optimizer.step()
        return loss_N.detach()

    def batches(self) -> Iterator[Batch]:
        """Without end, each model's in an order of its own; one gather for all of them."""
        config, device = self._config, self._device
        batches = PatchBatches(cached_scene(config, self._data, device).cube, config.patch, border=config.border)
        labelled = Labelled.on(device, self._data.train_pixels, self._data.train_labels)
        n_pixels, size = len(labelled.pixels), (self._n, config.batch_size)
        while True:
            order_NM = torch.rand(self._n, n_pixels, device=device).argsort(dim=1)
            for chosen_NB in order_NM.split(config.batch_size, dim=1)[: n_pixels // config.batch_size]:
                chosen = chosen_NB.flatten()
                symmetry = torch.randint(SYMMETRIES[config.augmentation], (len(chosen),), device=device)
                x = batches.gather(labelled.pixels[chosen], symmetry)
                yield x.unflatten(0, size), labelled.labels[chosen].unflatten(0, size)

    def _loss(self, weights: Mapping[str, Tensor], buffers: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        loss: Tensor = self._criterion(functional_call(self._module, (dict(weights), dict(buffers)), (x,)), y)
        return loss

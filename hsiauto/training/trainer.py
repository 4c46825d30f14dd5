"""Epochs of one torch family on one scene, with exact resume. Knows nothing of Ray or Optuna.

Decisions that a config leaves open:

* Order, augmentation and dropout draw from this training's own random state (`Randomness`): on a CPU the same seed
  gives the same weights, bit for bit, whatever else the process does.
* A single sample left over at the end of an epoch joins the batch before it. Where a batch must have one sample
  (batch_size 1, one labelled pixel), BatchNorm uses its running statistics for that step.
* A batch may go through the module in micro-batches, and be shared among processes (`hsiauto.training.ranks`): the
  step is that of the whole batch, but for dropout's draws and BatchNorm's statistics.
* bf16 autocast on CUDA alone: on CPUs it costs time.
* Nothing is read back from the device before the end of an epoch.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hsiauto.families.base import Criterion, TileConfig, TorchConfig
from hsiauto.metrics import Scores, log_loss, scores
from hsiauto.models.batches import IGNORE, Labelled, batches_for, cached_scene
from hsiauto.models.batches.portions import Portion, portions, runs
from hsiauto.models.fitted.base import shown
from hsiauto.models.fitted.torch import TorchFitted, channels_last
from hsiauto.models.memory import kept_memory
from hsiauto.models.smoothing import guide_for, smooth
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData
from hsiauto.training.randomness import Randomness
from hsiauto.training.ranks import ALONE, Ranks
from hsiauto.training.schedule import learning_rate_factor
from hsiauto.training.threads import flushed_denormals

Loss = Callable[[torch.Tensor, torch.Tensor, Criterion], torch.Tensor]
"""(x, y, criterion) -> a scalar."""

ENDLESS = 1 << 20
"""The epochs of a trainer that is thrown away: its schedule never ends."""
DIVERGED_AT = 10.0
"""An epoch's mean training loss above this many times max(ln n_classes, the first epoch's loss) is divergence."""


class Diverged(RuntimeError):  # noqa: N818 - a state of the training, not a fault of the program
    """The training cannot go on: a loss or weight that is not finite, or a loss that has run away."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave."""

    epoch: int
    """Epochs done, this one included."""
    train_loss: float
    """Mean over the steps, with smoothing, weights and auxiliary losses as trained."""
    val_loss: float
    """Cross-entropy in nats without smoothing or weights; NaN without validation pixels."""
    scores: Scores | None
    """On the validation pixels; None without."""
    seconds: float
    """Training and validation."""


class Trainer:
    """Trains `config` on `data`. `max_epochs` sets the schedule; how far to go is `run`'s to say.

    weights: a state of the module to start from instead of a drawn one, after which the family's `warm_start` would
    undo what was learned and is left out. Optimiser and schedule start anew.
    micro_batch: pixels, patches or tiles that go through the module at once; None: all that a step has.
    ranks: the place among processes that train this model together; each is made with the same arguments.

    Raises UserError if `data` cannot feed `config` (components, patch), Diverged from `run`.
    """

    def __init__(
        self,
        config: TorchConfig,
        data: TrialData,
        *,
        seed: int,
        max_epochs: int,
        device: torch.device | str = "cpu",
        weights: Mapping[str, torch.Tensor] | None = None,
        micro_batch: int | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.config, self.data, self.max_epochs, self.device = config, data, max_epochs, torch.device(device)
        self.micro_batch, self._ranks = micro_batch, ranks
        self.epoch = 0
        self.most_samples = 0
        """The most samples that have gone through the module at once in a training step."""
        scene = cached_scene(config, data, self.device)
        self.projection = scene.projection
        self._guide = guide_for(config, data.cube, data.pixels_of(config.fitted_on))
        self._shown = shown(config, data)
        self._batches = batches_for(config, scene.cube, torch.from_numpy(self._shown).to(self.device))
        self._train = Labelled.on(self.device, data.train_pixels, data.train_labels)
        self._val = Labelled.on(self.device, data.val_pixels, data.val_labels)
        self.steps_per_epoch = self._batches.steps(self._train, config.batch_size)
        self._n_steps = max_epochs * self.steps_per_epoch
        self._step = 0
        self._first_loss = math.nan
        self._random = Randomness(seed, self.device)
        with self._random.installed():
            module = config.build(self.projection.n_channels, data.n_classes)
        if weights is not None:
            module.load_state_dict(dict(weights))
        self._starts_warm = weights is not None
        self.module = channels_last(module.to(self.device))
        self._criterion = _criterion(config, self._train.labels, data.n_classes)
        self.loss: Loss = getattr(self.module, "training_loss", None) or _cross_entropy(self.module)
        """What a step minimises."""
        self.optimizer = _optimizer(config, self.module)
        self.mixed_precision = self.device.type == "cuda"
        """Whether the module runs under bf16 autocast."""

    def run(self, until_epoch: int) -> Iterator[Epoch]:
        """Train up to and including `until_epoch` (at most max_epochs), one Epoch at a time."""
        while self.epoch < min(until_epoch, self.max_epochs):
            yield self._one_epoch()

    def fitted(self) -> TorchFitted:
        """The model as it stands: a copy."""
        module = copy.deepcopy(self.module)
        for part in module.modules():
            if isinstance(part, nn.RNNBase):
                part.flatten_parameters()  # those of a copy lie apart: cuDNN would gather them at every call
        n_bands, n_classes = self.data.cube.shape[2], self.data.n_classes
        return TorchFitted(self.config, self.projection, module, n_bands, n_classes, self._guide)

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on exactly: tensors, numbers, strings. A copy."""
        return copy.deepcopy(
            {
                "epoch": self.epoch,
                "step": self._step,
                "first_loss": self._first_loss,
                "module": dict(self.module.state_dict()),
                "optimizer": self.optimizer.state_dict(),
                "random": self._random.state(),
            }
        )

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state` of a Trainer made with the same arguments.

        Another state raises ValueError, KeyError, TypeError, AttributeError or RuntimeError, and spoils this trainer.
        """
        epoch, step, first_loss = state["epoch"], state["step"], state["first_loss"]
        if epoch not in range(self.max_epochs + 1) or step != epoch * self.steps_per_epoch:
            raise ValueError(f"epoch {epoch} and step {step} of {self.max_epochs} x {self.steps_per_epoch}")
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._random.load(state["random"])
        for parameter in self.module.parameters():
            moments = self.optimizer.state[parameter].values()
            if any(moment.dim() and moment.shape != parameter.shape for moment in moments):
                raise ValueError("weights and optimizer disagree")
            if not torch.isfinite(parameter).all():
                raise ValueError("a weight is not finite")
        self.epoch, self._step, self._first_loss = int(epoch), int(step), float(first_loss)

    def _one_epoch(self) -> Epoch:
        started = time.perf_counter()
        train_loss = self.train()
        val_loss, val_scores = self._validate()
        return Epoch(self.epoch, train_loss, val_loss, val_scores, time.perf_counter() - started)

    def train(self) -> float:
        """Train one epoch without validation, as a rank that only helps does; `run` validates. The mean loss."""
        with self._random.installed(), flushed_denormals(), kept_memory():
            if self.epoch == 0 and not self._starts_warm:
                self._warm_start()
            self._ranks.seed_own(self._random.generator)
            train_loss = self._train_once()
        self.epoch += 1
        return train_loss

    def _warm_start(self) -> None:
        """Prototypes and centres start from the training set, seen by the untrained module."""
        warm_start = getattr(self.module, "warm_start", None)
        if warm_start is not None:
            self.module.eval()
            with torch.no_grad():
                warm_start(*self._batches.sample(self._train, self._random.generator))
            self._ranks.share(self.module)

    def _train_once(self) -> float:
        total = torch.zeros((), device=self.device)
        n_batches = 0
        for loss in self.steps():
            total += loss
            n_batches += 1
        total = self._ranks.sum(total)
        self._ranks.average_buffers(self.module)
        norm = nn.utils.get_total_norm(self.module.parameters())
        mean_loss, weights_norm = (float(v) for v in torch.stack([total / n_batches, norm]).tolist())
        self._check(mean_loss, weights_norm)
        return mean_loss

    def steps(self) -> Iterator[torch.Tensor]:
        """The training steps of one epoch, each step's loss as it is done (of several ranks: this one's part of it).
        `run` takes them all; a timing takes a few, of a trainer that it then throws away."""
        self.module.train()
        for x, y in self.batches():
            yield self.step(x, y)

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(x, y) of the training steps of one epoch: the next order, augmented anew."""
        return self._batches.epoch(self._train, self.config.batch_size, self._random.generator)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Train on one batch, in the mode that the module is in; its loss before the step (of several ranks: this
        one's part of it)."""
        factor = learning_rate_factor(self.config.schedule, self._step, self._n_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * factor
        self.optimizer.zero_grad()
        loss = self._backward(x, y)
        self._ranks.sum_gradients(self.module)
        self.optimizer.step()
        self._step += 1
        return loss

    def _backward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Add up the gradients of this rank's portions of a batch; their part of its loss."""
        total = torch.zeros((), device=self.device)
        for portion in self._portions(x, y):
            self.most_samples = max(self.most_samples, len(portion.x))
            if len(portion.x) == 1 and not isinstance(self.config, TileConfig):
                _freeze_batch_norm(self.module)
            with torch.autocast("cuda", torch.bfloat16, enabled=self.mixed_precision):
                loss = portion.share * self.loss(portion.x, portion.y, portion.criterion)
            loss.backward()
            total += loss.detach()
        return total

    def _portions(self, x: torch.Tensor, y: torch.Tensor) -> Iterator[Portion]:
        least = self.least_samples
        own = self._ranks.own(len(x), least)
        n_own = own.stop - own.start
        parts = runs(own, -(-n_own // (self.micro_batch or n_own)), least) if n_own else []
        return portions(x, y, parts, self._criterion)

    @property
    def least_samples(self) -> int:
        """The least samples of a portion of a batch: BatchNorm needs two pixels or patches, or one tile."""
        return 1 if isinstance(self.config, TileConfig) else 2

    def _check(self, loss: float, weights_norm: float) -> None:
        at = f"in epoch {self.epoch + 1}"
        if not math.isfinite(loss):
            raise Diverged(f"the training loss became {loss} {at}")
        if not math.isfinite(weights_norm):
            raise Diverged(f"a weight became {weights_norm} {at}")
        if self.epoch == 0:
            self._first_loss = loss
        limit = DIVERGED_AT * max(math.log(self.data.n_classes), self._first_loss)
        if loss > limit:
            raise Diverged(f"the training loss rose to {loss:.4g} {at}, beyond {limit:.4g}")

    @torch.no_grad()
    def _validate(self) -> tuple[float, Scores | None]:
        if len(self._val.pixels) == 0:
            return math.nan, None
        self.module.eval()
        data = self.data
        if self.config.smoothing == "none":
            logits_NK = self._logits(self._val.pixels)
            loss = float(nn.functional.cross_entropy(logits_NK, self._val.labels))
            predicted = logits_NK.argmax(1).cpu().numpy()
        else:
            p_NK = smooth(self.config, self._guide, self._probabilities, data.cube, self._shown, data.val_pixels)
            loss, predicted = log_loss(data.val_labels, p_NK), p_NK.argmax(axis=1)
        if not math.isfinite(loss):
            raise Diverged(f"the validation loss became {loss} in epoch {self.epoch}")
        return loss, scores(data.val_labels, predicted, data.n_classes)

    def _probabilities(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        logits_NK = self._logits(torch.from_numpy(pixels).to(self.device))
        probabilities: npt.NDArray[np.float32] = logits_NK.softmax(1).cpu().numpy()
        return probabilities

    def _logits(self, pixels: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cuda", torch.bfloat16, enabled=self.mixed_precision):
            return self._batches.logits(self.module, pixels)


def _cross_entropy(module: nn.Module) -> Loss:
    """No method of the trainer, which would then keep itself, and what it holds on a device, alive."""

    def loss(x: torch.Tensor, y: torch.Tensor, criterion: Criterion) -> torch.Tensor:
        return criterion(module(x), y)

    return loss


def _criterion(config: TorchConfig, labels: torch.Tensor, n_classes: int) -> nn.CrossEntropyLoss:
    weight = None
    if config.class_weighting == "balanced":
        counts = labels.bincount(minlength=n_classes)
        weight = torch.where(counts > 0, len(labels) / (n_classes * counts.clamp(min=1)), 0.0)
    return nn.CrossEntropyLoss(weight=weight, label_smoothing=config.label_smoothing, ignore_index=IGNORE)


def _optimizer(config: TorchConfig, module: nn.Module) -> torch.optim.Optimizer:
    make = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return make(module.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def _freeze_batch_norm(module: nn.Module) -> None:
    """Running statistics for the coming step; `module.train()` of the next epoch undoes it."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()

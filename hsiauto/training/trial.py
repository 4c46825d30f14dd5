"""One config -> reports, whatever its kind. Knows nothing of Ray or Optuna.

A torch family takes `max_epochs` steps of one epoch. A classical family or a reference takes one, reported at epoch
`max_epochs`: full fidelity. The folder holds `checkpoint.pt`; a Trial made on a folder that has one goes on from it.

On out-of-memory a torch family is retried once, with a quarter of the samples at once and the gradients of these
micro-batches added up. It goes on from the checkpoint, or from the beginning, to the epoch that it had reached; whoever
calls `step` sees only that it took longer.
"""

import gc
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hsiauto.families.base import ClassicalConfig, FamilyConfig, TorchConfig
from hsiauto.families.references import Coordinate1NNConfig, MajorityConfig
from hsiauto.metrics import Scores, log_loss, scores
from hsiauto.models.batches.cached_scene import forget_cached_scenes
from hsiauto.models.fitted.base import Fitted, scored
from hsiauto.models.fitted.classical import fit_classical
from hsiauto.models.fitted.reference import fit_reference
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.surroundings import gathered
from hsiauto.split.seal import TrialData
from hsiauto.training.checkpoint import CHECKPOINT, Checkpoint, UnusableError, usable
from hsiauto.training.memory import OutOfMemory, Peak, ran_out_of_memory
from hsiauto.training.parallel import ParallelTrainer
from hsiauto.training.threads import use_threads
from hsiauto.training.trainer import Diverged, Epoch, Trainer

__all__ = ["CHECKPOINT", "Diverged", "OutOfMemory", "Report", "Trial", "validated"]

AnyTrainer = Trainer | ParallelTrainer
MICRO_SHARE = 4
"""A micro-batch is this part of what did not fit: there is one more try, which should not fail for little."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What a trial tells after a step. Without validation pixels (a refit) the `val_` figures are NaN."""

    epoch: int
    """Epochs done; `max_epochs` = full fidelity."""
    train_loss: float
    """NaN for a classical family or a reference."""
    val_loss: float
    """Cross-entropy in nats."""
    val_oa: float
    val_aa: float
    val_kappa: float
    fit_seconds: float
    """Training and validation of this trial so far, over all its attempts that a checkpoint links."""
    peak_memory_bytes: int
    """The most so far, of all tries: on CUDA what torch allocated, else what was resident (`memory.Peak`)."""
    pixels_per_second: float | None = None
    """Pace of a map, measured with an attempt's first report if the search asks for it (`models/predict.py`)."""
    micro_batch: int | None = None
    """Samples that went through the module at once after memory had run out; None: whole batches."""


class Trial:
    """Trains one config. `step` until `done`; `save` whenever a restart should not lose what is done.

    n_devices: GPUs of this machine that share each batch of a torch family; the others use one.
    n_threads: of torch and BLAS, over all its devices, and a classical family's jobs; None leaves them as they are.
    go_on_from: a model of the same config and preprocessing, from whose weights a torch family starts; the others have
    none, and are fitted anew.
    A checkpoint that cannot be read, is not whole or belongs to another training is not used: `note` says so.
    Raises UserError if `data` cannot feed `config`.
    """

    def __init__(
        self,
        config: FamilyConfig,
        data: TrialData,
        *,
        seed: int,
        max_epochs: int,
        folder: Path | None = None,
        device: torch.device | str = "cpu",
        n_devices: int = 1,
        n_threads: int | None = None,
        go_on_from: Fitted | None = None,
    ) -> None:
        self.config, self.seed, self.max_epochs, self.folder = config, seed, max_epochs, folder
        self.data = gathered(data, config)
        self.epoch = 0
        self.note = ""
        """Why training began anew although the folder has a checkpoint; empty: it did not."""
        self._device, self._n_devices = torch.device(device), n_devices if isinstance(config, TorchConfig) else 1
        self._n_threads = None if n_threads is None else max(1, n_threads // self._n_devices)
        self._seconds, self._peak_bytes = 0.0, 0
        self._fitted: Fitted | None = None
        self._trainer: AnyTrainer | None = None
        if self._n_threads is not None:
            use_threads(self._n_threads)
        self._peak = Peak(self._device)
        self._weights = go_on_from.weights() if isinstance(go_on_from, TorchFitted) else None
        if isinstance(config, TorchConfig):
            self._trainer = self._gone_on(config)
            self.epoch = self._trainer.epoch

    @property
    def done(self) -> bool:
        return self.epoch >= self.max_epochs

    def step(self) -> Report:
        """Train one epoch, or a classical family in one go. Raises Diverged; OutOfMemory if no smaller micro-batch
        is left to try."""
        assert not self.done, "the trial has had all its epochs"
        trained = self._next_epoch(self.config) if isinstance(self.config, TorchConfig) else self._one_fit()
        self.epoch = trained.epoch
        self._seconds += trained.seconds
        self._peak_bytes = max(self._peak_bytes, self._peak.bytes)
        s = trained.scores
        oa, aa, kappa = (s.oa, s.aa, s.kappa) if s is not None else (math.nan,) * 3
        return Report(
            epoch=trained.epoch,
            train_loss=trained.train_loss,
            val_loss=trained.val_loss,
            val_oa=oa,
            val_aa=aa,
            val_kappa=kappa,
            fit_seconds=self._seconds,
            peak_memory_bytes=self._peak_bytes,
            micro_batch=None if self._trainer is None else self._trainer.micro_batch,
        )

    def save(self) -> None:
        """Write the checkpoint: the old one stays until the new one is whole. Nothing to do for one-step families,
        whose training is one step and comes out the same again."""
        assert self.folder is not None, "a trial without a folder cannot be saved"
        if self._trainer is None:
            return
        Checkpoint(
            identity=self._identity(),
            seconds=self._seconds,
            peak_memory_bytes=self._peak_bytes,
            micro_batch=self._trainer.micro_batch,
            trainer=self._trainer.state(),
        ).write(self.folder)

    def fitted(self) -> Fitted:
        """The model as it stands. A one-step family must have stepped."""
        if self._trainer is not None:
            return self._trainer.fitted()
        assert self._fitted is not None, "step first"
        return self._fitted

    def _identity(self) -> dict[str, Any]:
        return {"config": self.config.hash(), "seed": self.seed, "max_epochs": self.max_epochs}

    def _begun(self, config: TorchConfig, micro_batch: int | None) -> AnyTrainer:
        common: dict[str, Any] = {
            "seed": self.seed,
            "max_epochs": self.max_epochs,
            "device": self._device,
            "weights": self._weights,
            "micro_batch": micro_batch,
        }
        if self._n_devices == 1:
            return Trainer(config, self.data, **common)
        return ParallelTrainer(config, self.data, **common, n_devices=self._n_devices, n_threads=self._n_threads)

    def _gone_on(self, config: TorchConfig, micro_batch: int | None = None) -> AnyTrainer:
        """A trainer that goes on from the checkpoint, if there is one that can be used.

        micro_batch: None: the checkpoint's.
        """
        try:
            stored = None if self.folder is None else Checkpoint.read(self.folder, self._identity())
            if stored is not None:
                trainer = self._begun(config, micro_batch or stored.micro_batch)
                with usable():
                    trainer.load(stored.trainer)
                if micro_batch is None:
                    self._seconds, self._peak_bytes = stored.seconds, stored.peak_memory_bytes
                return trainer
        except UnusableError as damage:
            self.note = f"began anew, as its {CHECKPOINT} cannot be used: {damage}"
            _log.warning("%s: %s", self.folder, self.note)
        return self._begun(config, micro_batch)

    def _next_epoch(self, config: TorchConfig) -> Epoch:
        wanted, micro_batch = self.epoch + 1, None
        while True:
            started = time.perf_counter()
            try:
                if self._trainer is None:
                    self._trainer = self._gone_on(config, micro_batch)
                return _last(self._trainer.run(wanted))
            except (RuntimeError, MemoryError) as error:
                if not ran_out_of_memory(error):
                    raise
                self._peak_bytes = max(self._peak_bytes, self._peak.bytes)  # while what filled it still stands
                micro_batch = self._smaller()
                if micro_batch is None:
                    raise self._out_of_memory() from error
            # Only here does the error no longer hold what filled the memory.
            self._seconds += time.perf_counter() - started
            self._trainer = None
            forget_cached_scenes()
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _smaller(self) -> int | None:
        """Samples at once for another try; None if there has been one, or none can help."""
        if self._trainer is None or self._trainer.micro_batch is not None:
            return None
        at_once = self._trainer.most_samples
        smaller = max(self._trainer.least_samples, at_once // MICRO_SHARE)
        if smaller >= at_once:
            return None
        _log.warning("out of memory with %d samples at once; once more with %d", at_once, smaller)
        return smaller

    def _out_of_memory(self) -> OutOfMemory:
        at_once = 0 if self._trainer is None else self._trainer.most_samples
        what = f"with {at_once} samples at once" if at_once else "before the first step"
        return OutOfMemory(f"out of memory {what}, at {self._peak_bytes / 2**30:.2f} GiB", self._peak_bytes)

    def _one_fit(self) -> Epoch:
        started = time.perf_counter()
        if isinstance(self.config, ClassicalConfig):
            self._fitted = fit_classical(self.config, self.data, self.seed, self._n_threads or 1)
        else:
            assert isinstance(self.config, Coordinate1NNConfig | MajorityConfig), f"{self.config.family}: unknown kind"
            self._fitted = fit_reference(self.config, self.data)
        loss, val_scores = validated(self._fitted, self.data)
        return Epoch(self.max_epochs, math.nan, loss, val_scores, time.perf_counter() - started)


def _last(epochs: Iterator[Epoch]) -> Epoch:
    """The last one, with the seconds of all: after a retry there are several."""
    done = list(epochs)
    return replace(done[-1], seconds=sum(epoch.seconds for epoch in done))


def validated(fitted: Fitted, data: TrialData) -> tuple[float, Scores | None]:
    """Log loss and scores on the validation pixels."""
    if len(data.val_pixels) == 0:
        return math.nan, None
    p_NK = scored(fitted, data, data.val_pixels)
    return log_loss(data.val_labels, p_NK), scores(data.val_labels, p_NK.argmax(axis=1), data.n_classes)

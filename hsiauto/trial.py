"""One config -> reports, whatever its kind. Knows nothing of Ray or Optuna.

A torch family takes `max_epochs` steps of one epoch. A classical family or a reference takes one, reported at epoch
`max_epochs`: full fidelity. The folder holds `checkpoint.pt`; a Trial made on a folder that has one goes on from it.
"""

import io
import logging
import math
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from hsiauto.errors import UserError
from hsiauto.families.base import ClassicalConfig, FamilyConfig, TorchConfig
from hsiauto.families.references import Coordinate1NNConfig, MajorityConfig
from hsiauto.files import atomic_path
from hsiauto.fitted.base import Fitted
from hsiauto.fitted.classical import fit_classical
from hsiauto.fitted.reference import fit_reference
from hsiauto.fitted.torch import TorchFitted
from hsiauto.metrics import Scores, log_loss, scores
from hsiauto.seal import TrialData
from hsiauto.trainer import Diverged, Epoch, Trainer

__all__ = ["CHECKPOINT", "Diverged", "Report", "Trial"]

CHECKPOINT = "checkpoint.pt"
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
    """CUDA: the most that was allocated; else the most resident memory of the process seen at the end of an epoch."""
    pixels_per_second: float | None = None
    """Of a map, measured after the last epoch where the search asks for it (`search/map_pace.py`)."""


class Trial:
    """Trains one config. `step` until `done`; `save` whenever a restart should not lose what is done.

    n_threads: torch's threads in this process and a classical family's jobs; None leaves torch's as they are.
    go_on_from: a model of the same config and preprocessing, from whose weights a torch family starts; the others have
    none, and are fitted anew.
    Raises UserError where `data` cannot feed `config`, or the folder's checkpoint is another training's.
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
        n_threads: int | None = None,
        go_on_from: Fitted | None = None,
    ) -> None:
        self.config, self.data, self.seed, self.max_epochs, self.folder = config, data, seed, max_epochs, folder
        self.epoch = 0
        self._device, self._n_threads = torch.device(device), n_threads
        self._seconds, self._peak_bytes = 0.0, 0
        self._fitted: Fitted | None = None
        self._trainer: Trainer | None = None
        if n_threads is not None:
            torch.set_num_threads(n_threads)
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        if isinstance(config, TorchConfig):
            weights = go_on_from.weights() if isinstance(go_on_from, TorchFitted) else None
            self._trainer = Trainer(
                config, data, seed=seed, max_epochs=max_epochs, device=self._device, weights=weights
            )
            self._resume(self._trainer)

    @property
    def done(self) -> bool:
        return self.epoch >= self.max_epochs

    def step(self) -> Report:
        """Train one epoch, or a classical family in one go. Raises Diverged."""
        assert not self.done, "the trial has had all its epochs"
        trained = self._one_fit() if self._trainer is None else next(self._trainer.run(self.epoch + 1))
        self.epoch = trained.epoch
        self._seconds += trained.seconds
        self._peak_bytes = max(self._peak_bytes, self._memory_bytes())
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
        )

    def save(self) -> None:
        """Write the checkpoint: the old one stays until the new one is whole. Nothing to do for one-step families,
        whose training is one step and comes out the same again."""
        assert self.folder is not None, "a trial without a folder cannot be saved"
        if self._trainer is None:
            return
        content = {
            "identity": self._identity(),
            "seconds": self._seconds,
            "peak_memory_bytes": self._peak_bytes,
            "trainer": self._trainer.state(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.folder / CHECKPOINT) as temporary:
            torch.save(content, temporary)

    def fitted(self) -> Fitted:
        """The model as it stands. A one-step family must have stepped."""
        if self._trainer is not None:
            return self._trainer.fitted()
        assert self._fitted is not None, "step first"
        return self._fitted

    def _identity(self) -> dict[str, Any]:
        return {"config": self.config.hash(), "seed": self.seed, "max_epochs": self.max_epochs}

    def _resume(self, trainer: Trainer) -> None:
        path = None if self.folder is None else self.folder / CHECKPOINT
        if path is None or not path.exists():
            return
        stored = io.BytesIO(path.read_bytes())  # read first: an error of the disk is not a damaged checkpoint
        try:
            content = torch.load(stored, map_location="cpu", weights_only=True)
        except (RuntimeError, ValueError, OSError, EOFError, pickle.UnpicklingError) as damage:  # torch's, on any bytes
            _log.warning("%s cannot be read (%s); training starts again from epoch 0", path, damage)
            return
        identity = content.get("identity") if isinstance(content, dict) else None
        if identity != self._identity():
            raise UserError(
                f"{path} must belong to this training: {self._identity()}",
                str(identity),
                "Use another folder, or remove the checkpoint.",
            )
        trainer.load(content["trainer"])
        self.epoch, self._seconds = trainer.epoch, content["seconds"]
        self._peak_bytes = content["peak_memory_bytes"]

    def _one_fit(self) -> Epoch:
        started = time.perf_counter()
        if isinstance(self.config, ClassicalConfig):
            self._fitted = fit_classical(self.config, self.data, self.seed, self._n_threads or 1)
        else:
            assert isinstance(self.config, Coordinate1NNConfig | MajorityConfig), f"{self.config.family}: unknown kind"
            self._fitted = fit_reference(self.config, self.data)
        loss, val_scores = _validate(self._fitted, self.data)
        return Epoch(self.max_epochs, math.nan, loss, val_scores, time.perf_counter() - started)

    def _memory_bytes(self) -> int:
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        return int(psutil.Process().memory_info().rss)


def _validate(fitted: Fitted, data: TrialData) -> tuple[float, Scores | None]:
    """Log loss and scores on the validation pixels."""
    if len(data.val_pixels) == 0:
        return math.nan, None
    p_NK = fitted.probabilities(data.cube, data.valid, data.val_pixels)
    return log_loss(data.val_labels, p_NK), scores(data.val_labels, p_NK.argmax(axis=1), data.n_classes)

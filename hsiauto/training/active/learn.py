"""ActiveTrial: a trial whose training pixels are a pool of which it learns some labels. For every family.

Decisions that the source leaves open:

* The pool's spectra are known, its labels are not: preprocessing is fitted on all its pixels, once. They are training
  pixels of the split, so no test pixel is read, and weights keep their meaning from cycle to cycle.
* Torch families go on from the weights of the cycle before. Prototypes and centres are set in cycle 0 alone; optimiser,
  schedule and random numbers begin anew in each. Classical families are fitted anew.
* Initial labels and random acquisition are drawn from the seed alone. So with one seed every way of acquisition, and
  every family, starts from the same labels, and curves compare in pairs.
* The run ends when its plan ends. No score decides when to stop.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hsiauto.families.base import FamilyConfig
from hsiauto.models.fitted.base import Fitted, scored
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData
from hsiauto.training.active.acquisition import acquire
from hsiauto.training.active.oracle import Oracle
from hsiauto.training.active.recipe import ActiveLabels
from hsiauto.training.ensemble import begun
from hsiauto.training.trial import Report, Trial


@dataclass(frozen=True)
class Cycle:
    """One training on the labels asked for so far. Cycle 0 is on the initial labels."""

    number: int
    labels: int
    """Labels that the oracle had counted when it trained."""
    acquisition: str
    """How the pixels were chosen: `initial`, `margin-3`, `entropy`, `random`."""
    acquired: Pixels
    """Asked for in this cycle, sorted."""
    acquire_seconds: float
    """Predicting and choosing among the unlabelled pixels of the pool; 0 in cycle 0."""
    report: Report
    """Its last epoch's; `epoch` and `fit_seconds` count from the start of cycle 0."""
    predicted: npt.NDArray[np.int64] | None
    """0-based class at each of the job's `predict`."""
    confidence: npt.NDArray[np.float32] | None
    """Its probability there."""


_START, _CHOICE, _TRAINING = range(3)
"""Streams of random numbers, one for each use."""


class ActiveTrial:
    """`Trial` over the cycles of `labels`: `step` until `done`. A report counts epochs and costs from the beginning.

    data: its training pixels are the pool. max_epochs: of each training. predict: pixels that each cycle's model
    classifies, for its learning curve. Raises UserError like `ActiveLabels.plan` and `Trial`.
    """

    def __init__(
        self,
        config: FamilyConfig,
        data: TrialData,
        labels: ActiveLabels,
        *,
        seed: int,
        max_epochs: int,
        device: torch.device | str = "cpu",
        n_devices: int = 1,
        n_threads: int | None = None,
        predict: Pixels | None = None,
        trial_type: Callable[..., Any] = Trial,
    ) -> None:
        self.config, self.labels, self.seed, self.predict = config, labels, seed, predict
        self.cycles: list[Cycle] = []
        self._plan = labels.plan(len(data.train_pixels), data.n_classes)
        self._oracle = Oracle(data.train_pixels, data.train_labels, most=self._plan[-1])
        none = np.empty(0, np.int64)
        self._data = replace(data, train_pixels=none, train_labels=none, pool=data.train_pixels)
        self._epochs_a_cycle, self._trial_type = max_epochs, trial_type
        self._device, self._n_threads = device, n_threads
        self._several = {"n_devices": n_devices} if n_devices > 1 else {}
        self._acquire_seconds = 0.0
        self._begin(self._oracle.representative(self._plan[0], self._rng(_START)), go_on_from=None)

    @property
    def max_epochs(self) -> int:
        """Epochs of all trainings together."""
        return len(self._plan) * self._epochs_a_cycle

    @property
    def done(self) -> bool:
        return len(self.cycles) == len(self._plan)

    def step(self) -> Report:
        """Train one epoch, or a classical family in one go; after the last of a cycle ask for the next labels.

        Raises Diverged."""
        assert not self.done, "the trial has had all its cycles"
        report = self._counted_on(self._trial.step())
        if self._trial.done:
            self._end(report)
        return report

    def fitted(self) -> Fitted:
        """The model of the cycle that was trained last."""
        model: Fitted = self._trial.fitted()
        return model

    def _begin(self, pixels: Pixels, go_on_from: Fitted | None) -> None:
        """Ask for the labels at `pixels` and set up the training on all that are known."""
        self._oracle.ask(pixels)
        self._acquired = pixels
        known_pixels, known_labels = self._oracle.revealed
        start = {} if go_on_from is None else {"go_on_from": go_on_from}
        self._trial = begun(
            self.config,
            replace(self._data, train_pixels=known_pixels, train_labels=known_labels),
            self._trial_type,
            seed=self.seed if not self.cycles else self._rng(_TRAINING).integers(2**31).item(),
            max_epochs=self._epochs_a_cycle,
            device=self._device,
            n_threads=self._n_threads,
            **self._several,
            **start,
        )

    def _end(self, report: Report) -> None:
        model: Fitted = self._trial.fitted()
        p_NK = None if self.predict is None else self._probabilities(model, self.predict)
        number = len(self.cycles)
        self.cycles.append(
            Cycle(
                number=number,
                labels=self._oracle.counted,
                acquisition=self.labels.name if number else "initial",
                acquired=self._acquired,
                acquire_seconds=self._acquire_seconds,
                report=report,
                predicted=None if p_NK is None else p_NK.argmax(axis=1),
                confidence=None if p_NK is None else p_NK.max(axis=1),
            )
        )
        if not self.done:
            clock = time.perf_counter()
            pixels = self._choose(model)
            self._acquire_seconds = time.perf_counter() - clock
            self._begin(pixels, go_on_from=model)

    def _choose(self, model: Fitted) -> Pixels:
        unlabelled = self._oracle.unlabelled
        p_NK = None if self.labels.acquisition == "random" else self._probabilities(model, unlabelled)
        wanted = self._plan[len(self.cycles)] - self._oracle.counted
        return acquire(self.labels, p_NK, unlabelled, wanted, self._rng(_CHOICE))

    def _probabilities(self, model: Fitted, pixels: Pixels) -> npt.NDArray[np.float32]:
        return scored(model, replace(self._data, train_pixels=self._oracle.revealed[0]), pixels)

    def _counted_on(self, report: Report) -> Report:
        """`report` of the present training as one of the whole run."""
        if not self.cycles:
            return report
        before = self.cycles[-1].report
        return replace(
            report,
            epoch=before.epoch + report.epoch,
            fit_seconds=before.fit_seconds + report.fit_seconds,
            peak_memory_bytes=max(before.peak_memory_bytes, report.peak_memory_bytes),
        )

    def _rng(self, use: int) -> np.random.Generator:
        return np.random.default_rng([use, len(self.cycles), self.seed])

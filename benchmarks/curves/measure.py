"""One config -> its learning curve and the test score of its refit.

The curve is what a trial of a search reports: trained on training pixels, scored on validation after each epoch. The
refit trains on the whole pool for as many epochs, and meets the test labels once, through `hsiauto.split.seal`.
Nothing is chosen by a test score.

Seconds are the process' CPU seconds on one thread, which other programs on the machine stretch less than the clock's.
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property

import torch

from benchmarks.curves.candidates import Candidate
from benchmarks.curves.table import Row
from hsiauto.families.base import FamilyConfig, TorchConfig
from hsiauto.families.costs import macs, parameters
from hsiauto.metrics import Scores
from hsiauto.runs.provenance import git_commit
from hsiauto.scene import Scene
from hsiauto.split import Split
from hsiauto.split.seal import SealedTest, TrialData, seal, training_data
from hsiauto.training.trial import Diverged, Trial

FASTEST = 5e10
"""Multiply-adds a second that no config reaches on one core: what is too dear even so is refused untried."""
PASSES = 3
"""Forward, and backward by inputs and by weights."""


class CostError(Exception):
    """A config that would cost too much."""


@dataclass(frozen=True)
class Bench:
    """Where configs are measured. Stays in the process that made it: it holds the sealed test."""

    scene: Scene
    split: Split
    max_epochs: int
    most_seconds: float
    """CPU seconds that a trial may take, by its multiply-adds and then by its first epoch; its refit comes on top."""
    seed: int
    """Of the trainings."""
    commit: str | None = field(default_factory=git_commit)
    clock: Callable[[], float] = field(default=time.process_time)

    def measure(self, candidate: Candidate) -> list[Row]:
        """All rows of one config. Raises RuntimeError where it was scored on test before."""
        config, data = candidate.config, self._sealed[0]
        size = self.scene.n_bands, data.n_classes
        torch_config = config if isinstance(config, TorchConfig) else None
        multiply_adds = None if torch_config is None else macs(torch_config, *size)
        about: Row = {
            "name": candidate.name,
            "family": config.family,
            "config": json.dumps(config.active()),
            "config_hash": config.hash(),
            "parameters": None if torch_config is None else parameters(torch_config, *size),
            "macs": multiply_adds,
            "git_commit": self.commit,
            "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, no GPU used",
        }
        epochs: list[Row] = []
        try:
            self._refuse_untried(multiply_adds)
            self._train(config, data, epochs)
            refit, seconds = self._refit(candidate)
        except (CostError, Diverged) as reason:
            state = "refused" if isinstance(reason, CostError) else "diverged"
            ended: Row = {"state": state, "error": str(reason)}
            epochs = epochs if state == "diverged" and epochs else [{}]
        else:
            test = {"test_oa": refit.oa, "test_aa": refit.aa, "test_kappa": refit.kappa}
            ended = {"state": "completed", "refit_cpu_seconds": seconds, **test}
        return [{**about, **ended, **one} for one in epochs]

    @cached_property
    def _sealed(self) -> tuple[TrialData, SealedTest]:
        return seal(self.scene, self.split)

    @cached_property
    def _pool(self) -> TrialData:
        return training_data(self.scene, self.split)

    def _refuse_untried(self, multiply_adds: int | None) -> None:
        """By multiply-adds. A tile family's are of one pixel, and it trains on whole tiles: for it this is too low."""
        work = PASSES * (multiply_adds or 0) * len(self.split.train) * self.max_epochs
        if work > FASTEST * self.most_seconds:
            raise CostError(f"{work:.2g} multiply-adds: more than {work / FASTEST:.0f} s of {self.most_seconds:g}")

    def _train(self, config: FamilyConfig, data: TrialData, epochs: list[Row]) -> None:
        """Append each epoch to `epochs`. Raises Diverged, and CostError after the first epoch."""
        started, on_the_wall = self.clock(), time.perf_counter()
        trial = Trial(config, data, seed=self.seed, max_epochs=self.max_epochs, n_threads=1)
        while not trial.done:
            report = asdict(trial.step())
            now, wall = self.clock(), time.perf_counter()
            kept = {name: report[name] for name in ("epoch", "train_loss", "val_loss", "val_oa", "val_aa", "val_kappa")}
            epochs.append({**kept, "cpu_seconds": now - started, "wall_seconds": wall - on_the_wall})
            predicted = (now - started) * (self.max_epochs - trial.epoch + 1)
            if len(epochs) == 1 and predicted > self.most_seconds:
                raise CostError(f"{predicted:.0f} s of {self.most_seconds:g} by the first epoch")
            started, on_the_wall = now, wall

    def _refit(self, candidate: Candidate) -> tuple[Scores, float]:
        """Test scores, and CPU seconds of the training."""
        started = self.clock()
        trial = Trial(candidate.config, self._pool, seed=self.seed, max_epochs=self.max_epochs, n_threads=1)
        while not trial.done:
            trial.step()
        seconds, test = self.clock() - started, self._sealed[1]
        with torch.no_grad():
            p_NK = trial.fitted().probabilities(self.scene.cube, self.scene.valid, test.pixels)
        return test.score(candidate.config.hash(), p_NK.argmax(axis=1)), seconds

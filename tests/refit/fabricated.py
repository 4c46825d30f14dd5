"""A tiny study after its search: a scene, a journal with trials, and a pool that pretends to train."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hsiauto.config import RunConfig
from hsiauto.families import costs
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.refit import Work
from hsiauto.scene.model import Scene
from hsiauto.search.events import Proposed, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split import make_split
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Report
from tests import told

N_BANDS, N_CLASSES = 6, 3
AT = "2026-01-01T00:00:00+00:00"
CONFIG = RunConfig.model_validate(
    {
        "scene": {"dataset": "fabricated"},
        "split": {"protocol": "random", "train_fraction": 0.3},
        "max_epochs": 10,
        "winner_seeds": 3,
        "other_seeds": 2,
        "further_splits": 2,
    }
)


def scene() -> Scene:
    labels = np.repeat([1, 2, 3], 4 * 12).reshape(12, 12).astype(np.int16)
    cube = np.random.default_rng(0).normal(size=(12, 12, N_BANDS)).astype(np.float32)
    return Scene("fabricated", cube, labels, ("a", "b", "c"), (1, 2, 3), np.ones((12, 12), dtype=bool), (0, 1, 2))


def propose(
    journal: Journal,
    trial_id: str,
    config: FamilyConfig,
    kappa: float,
    origin: str = "sampler",
    state: str = "completed",
    epoch: int = 10,
    parameters: int | None = 100,
    fit_seconds: float = 5.0,
) -> None:
    """Journal a whole trial."""
    macs = costs.macs(config, N_BANDS, N_CLASSES)
    number, decision = 1 + len(of(Proposed, journal.events)), {"completed": "complete"}.get(state, "stop")
    for event in (
        told.proposed(trial_id, config, parameters=parameters, macs=macs, number=number, origin=origin),
        told.started(trial_id),
        told.reported(
            trial_id, epoch, kappa, val_loss=0.2, fit_seconds=fit_seconds, peak_memory_bytes=7, decision=decision
        ),
        told.ended(trial_id, state=state, error="boom" if state == "failed" else ""),
    ):
        journal.append(event)


@dataclass
class Pool:
    """Stands for `run_jobs`. `fresh(config, seed)` scores a re-evaluation; a refit errs on `errors(config)` pixels."""

    scene: Scene
    fresh: Callable[[FamilyConfig, int], float] = lambda config, seed: 0.5
    errors: Callable[[FamilyConfig], int] = lambda config: 3
    skip: Callable[[Job], bool] = lambda job: False
    fail: Callable[[Job], bool] = lambda job: False
    tell: Callable[[Job, TrialData], np.ndarray | None] = lambda job, data: None
    """Probabilities at `job.probabilities_at`."""
    jobs: list[Job] = field(default_factory=list)
    kept_free: Callable[[Job], float] = lambda job: 0.0

    def __call__(
        self,
        jobs: Sequence[Job],
        datasets: Mapping[str, TrialData],
        run_config: RunConfig,
        deadline: float | None = None,
        kept_free: Callable[[Job], float] = lambda job: 0.0,
    ) -> Iterator[JobResult]:
        assert len({job.key for job in jobs}) == len(jobs)
        self.kept_free = kept_free
        for job in jobs:
            assert job.data in datasets
            self.jobs += (job, *job.members)
            if self.skip(job) or self.fail(job):
                yield JobResult(
                    job.key, "skipped" if self.skip(job) else "failed", "no time" if self.skip(job) else "NaN"
                )
                continue
            yield self._answer(job, datasets[job.data])

    def _answer(self, job: Job, data: TrialData) -> JobResult:
        if job.save_to is not None:
            job.save_to.mkdir(parents=True)
            (job.save_to / "config.json").write_text(job.config.hash())
        score = self.fresh(job.config, job.seed) if len(data.val_pixels) else math.nan
        predicted = None
        if job.predict is not None:
            predicted = self.scene.labels.ravel()[job.predict].astype(np.int64) - 1
            wrong = self.errors(job.config)
            predicted[:wrong] = (predicted[:wrong] + 1) % 3
        report = Report(10, 0.1, math.nan, score, score, score, 2.0, 9)
        told = self.tell(job, data)
        half = None if told is None else told.astype(np.float16)
        return JobResult(
            job.key,
            "completed",
            reports=(report,),
            predicted=predicted,
            confidence=None if predicted is None else np.full(len(predicted), 0.75, np.float32),
            probabilities=half,
            predict_seconds=0.5,
            device="cpu",
            node="n",
            started_at=AT,
            finished_at=AT,
            members=tuple(self._answer(member, data) for member in job.members),
        )


def work(folder: Path, pool: Pool, **changes: Any) -> Work:
    run_config = CONFIG.model_copy(update=changes)
    split = make_split(pool.scene.labels, run_config.split, parts=pool.scene.parts)
    journal = Journal(folder / "journal.jsonl")
    if not journal.events:
        config = run_config.model_dump(mode="json")
        journal.append(told.opened(config=config, versions={"python": "3"}, split_hash=split.hash))
    return Work(run_config, pool.scene, split, journal, pool)


PRESET = Cnn2dConfig.preset("paper").bounded(6, 30)
TUNED = type(PRESET)(**{**PRESET.active(), "width": 20})
SVM = SvmConfig(C=7.0)
FOREST = ForestConfig(n_trees=50)
MEMORY = SpectralMemoryConfig(depth=1).bounded(6, 30)
FOREST_PRESET = ForestConfig.preset("paper").bounded(6, 30)


def searched(journal: Journal) -> None:
    """Four families, two of them tried twice; t0 is the preset of cnn2d."""
    propose(journal, "t0", PRESET, 0.70, origin="preset", state="stopped", epoch=4, fit_seconds=1.0)
    propose(journal, "t1", TUNED, 0.95, fit_seconds=1.0)
    propose(journal, "t2", SVM, 0.90, fit_seconds=1.0)
    propose(journal, "t3", FOREST, 0.85, fit_seconds=1.0)
    propose(journal, "t4", MEMORY, 0.80, fit_seconds=1.0)
    propose(journal, "t5", SvmConfig(C=8.0), 0.89, fit_seconds=1.0)
    propose(journal, "t6", SvmConfig(C=9.0), 0.99, state="failed", fit_seconds=1.0)


def by_family(config: FamilyConfig, seed: int) -> float:
    """Stands for `Pool.fresh`."""
    if config == PRESET:
        return 0.70
    if config == MEMORY:
        return 0.60
    return {"cnn2d": 0.9, "svm": 0.8, "forest": 0.95, "spectral_memory": 0.99}[config.family]

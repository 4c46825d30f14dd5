"""EnsembleTrial: its members are those of trainings alone, its last report is that of the mean."""

import math
import time

import numpy as np
import pytest

from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.metrics import log_loss, scores
from hsiauto.search.workers.job_worker import OUT_OF_TIME, JobWorker
from hsiauto.search.workers.jobs import Job
from hsiauto.testing.small import scene
from hsiauto.training.active.learn import ActiveTrial
from hsiauto.training.active.recipe import ActiveLabels
from hsiauto.training.ensemble import EnsembleTrial, begun
from hsiauto.training.trial import Trial

SVM, FOREST, CNN = SvmConfig(C=10.0), ForestConfig(n_trees=9), Cnn1dConfig(batch_size=8)
ENSEMBLE = EnsembleConfig(members=(SVM, FOREST, CNN, CNN), smoothing="guided", smoothing_radius=1)


def test_members_are_what_they_are_alone_and_the_last_report_is_the_ensembles() -> None:
    data = scene()
    trial = begun(ENSEMBLE, data, seed=3, max_epochs=2)
    reports = []
    while not trial.done:
        reports.append(trial.step())
    assert [report.epoch for report in reports] == [1, 2, 2, 2], "cnn1d, forest, svm"
    fitted, pixels = trial.fitted(), data.val_pixels
    for member in fitted.members:
        alone = Trial(member.config, data, seed=3, max_epochs=2)
        while not alone.done:
            alone.step()
        expected = alone.fitted().probabilities(data.cube, data.valid, pixels)
        np.testing.assert_array_equal(member.probabilities(data.cube, data.valid, pixels), expected)
    p_NK = fitted.probabilities(data.cube, data.valid, pixels)
    assert reports[-1].val_oa == scores(data.val_labels, p_NK.argmax(axis=1), data.n_classes).oa
    assert reports[-1].val_loss == log_loss(data.val_labels, p_NK)
    seconds = [report.fit_seconds for report in reports]
    assert seconds == sorted(seconds)
    assert reports[-1].peak_memory_bytes == max(report.peak_memory_bytes for report in reports)


class _Slow(Trial):
    def step(self):  # type: ignore[no-untyped-def]
        report = super().step()
        time.sleep(0.05 if self.config == CNN else 0)
        return report


def test_a_deadline_ends_it_in_the_member_that_cannot_be_finished() -> None:
    job = Job("key", ENSEMBLE, "split", seed=0, max_epochs=1000)
    result = JobWorker("cpu", 1, 1, _Slow)._trained(job, scene(), time.monotonic() + 30, {})
    assert (result.state, result.predicted) == ("skipped", None)
    assert result.error.startswith(f"{OUT_OF_TIME}: 4 of 1000 epochs")


def test_a_job_scores_saves_and_times_it_as_any_config() -> None:
    data = scene()
    job = Job("key", ENSEMBLE, "split", seed=0, max_epochs=1, predict=data.val_pixels, probabilities_at=data.val_pixels)
    result = JobWorker("cpu", 1, 1, Trial)._trained(job, data, math.inf, {})
    assert result.state == "completed"
    assert result.predicted is not None
    assert result.probabilities is not None
    assert result.report is not None
    assert result.report.val_oa == (result.predicted == data.val_labels).mean()
    assert (result.probabilities.argmax(axis=1) == result.predicted).mean() > 0.95
    assert result.predict_seconds > 0


@pytest.mark.parametrize("acquisition", ["entropy", "random"])
def test_it_asks_for_labels_as_any_config(acquisition: str) -> None:
    labels = ActiveLabels(initial=0.4, acquire=0.2, cycles=1, acquisition=acquisition)  # type: ignore[arg-type]
    trial = ActiveTrial(ENSEMBLE, scene(), labels, seed=0, max_epochs=2)
    while not trial.done:
        report = trial.step()
    assert [cycle.labels for cycle in trial.cycles] == list(labels.plan(40, 3))
    assert report.epoch == trial.max_epochs == 4
    assert isinstance(trial._trial, EnsembleTrial)
    assert [member.config for member in trial._trial._go_on_from] == list(ENSEMBLE.parts)

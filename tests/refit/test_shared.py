"""The training of an ensemble answers the refits of its members: the same models, trained once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.refit import Work
from hsiauto.refit.scoring import Target
from hsiauto.refit.shared import together, trained
from hsiauto.search.workers.jobs import Job, JobResult
from tests.refit.fabricated import FOREST, SVM, Pool, scene, work
from tests.refit.test_asked_labels import Training

NET = Cnn1dConfig(components=3, batch_size=8)
ENSEMBLE = EnsembleConfig(members=(SVM, NET))


class Counted(Training):
    """Notes what it is asked for."""

    def __call__(self, jobs, *rest, **named):  # type: ignore[no-untyped-def]
        self.jobs += jobs
        return super().__call__(jobs, *rest, **named)


def _job(done: Work, config: FamilyConfig, seed: int = 0, save_to: Path | None = None) -> Job:
    return Job(f"{config.family}/{seed}", config, "split", seed, 2, predict=done.split.test, save_to=save_to)


def _results(done: Work, jobs: Sequence[Job]) -> dict[str, JobResult]:
    data = {"split": Target.of(done, 0).data}
    found = list(trained(done, jobs, data, None, lambda job: 0.0))
    assert sorted(one.key for one in found) == sorted(job.key for job in jobs)
    return {one.key: one for one in found}


def test_members_are_the_models_of_a_training_of_their_own(tmp_path: Path) -> None:
    pool = Counted(scene())
    done = work(tmp_path, pool)
    jobs = [_job(done, SVM), _job(done, ENSEMBLE), _job(done, NET), _job(done, FOREST), _job(done, NET, seed=1)]
    shared = _results(done, jobs)
    assert [job.key for job in pool.jobs] == ["ensemble/0", "forest/0", "cnn1d/1"]
    for key in ("svm/0", "cnn1d/0"):
        alone = _results(done, [job for job in jobs if job.key == key])[key]
        np.testing.assert_array_equal(shared[key].predicted, alone.predicted)
        curve, own = ([(one.epoch, one.train_loss) for one in found.reports] for found in (shared[key], alone))
        np.testing.assert_array_equal(curve, own)


@pytest.mark.parametrize("state", ["failed", "skipped"])
def test_members_train_alone_if_their_ensemble_does_not(tmp_path: Path, state: str) -> None:
    def ensemble(job: Job) -> bool:
        return job.config.kind == "ensemble"

    pool = Pool(scene(), fail=ensemble) if state == "failed" else Pool(scene(), skip=ensemble)
    done = work(tmp_path, pool)
    results = _results(done, [_job(done, config) for config in (ENSEMBLE, SVM, NET)])
    assert {key: result.state for key, result in results.items()} == {
        "ensemble/0": state,
        "svm/0": "completed",
        "cnn1d/0": "completed",
    }


def test_members_have_their_own_seed_and_data(tmp_path: Path) -> None:
    done = work(tmp_path, Pool(scene()))
    others = [_job(done, SVM, seed=1), _job(done, FOREST)]
    jobs = [_job(done, ENSEMBLE), *others, _job(done, SVM)]
    first, *rest = together(jobs)
    assert [member.key for member in first.members] == ["svm/0"]
    assert rest == others

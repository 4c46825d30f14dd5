"""Refits under a deadline, in virtual time: what a table says nothing without is done first."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hsiauto.families import costs
from hsiauto.families.base import FamilyConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.refit import reevaluate, refit
from hsiauto.refit.map_reserve import BESIDE_S
from hsiauto.refit.pace import Extent, Pace
from hsiauto.refit.work import Work
from hsiauto.search.events import Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import Job
from tests import told
from tests.refit.fabricated import (
    FOREST_PRESET,
    MEMORY,
    N_BANDS,
    N_CLASSES,
    PRESET,
    SVM,
    TUNED,
    Pool,
    propose,
    scene,
    work,
)

SECONDS = {"cnn2d": 350.0, "spectral_memory": 60.0, "svm": 0.2, "forest": 0.4}


@dataclass
class Clock:
    """One worker's time, of which each refit takes SECONDS; what would end too late is not started."""

    left: float
    kept_free: Callable[[Job], float] = lambda job: 0.0
    refused: list[str] = field(default_factory=list)

    def skips(self, job: Job) -> bool:
        if why := job.why_too_late(self.left, self.kept_free(job)):
            self.refused.append(why)
            return True
        self.left -= SECONDS.get(job.config.family, 0.0)
        return False


def searched(folder: Path, pool: Pool) -> Work:
    """After a search that timed forest, svm and spectral_memory, and not the preset of cnn2d, a baseline."""
    made = work(folder, pool)
    epochs = made.run_config.max_epochs
    for trial_id, config in (("t1", FOREST_PRESET), ("t2", SVM), ("t3", MEMORY)):
        seconds = SECONDS[config.family] * len(made.split.train) / len(made.split.pool)
        propose(made.journal, trial_id, config, 0.9, epoch=epochs, fit_seconds=seconds)
    reevaluate(made, folder, math.inf)
    return made


def scores(config: FamilyConfig, seed: int) -> float:
    return {"forest": 0.9, "svm": 0.8, "spectral_memory": 0.7}[config.family]


def refitted(made: Work, folder: Path, pool: Pool, clock: Clock) -> list[Refit]:
    pool.skip = clock.skips
    with Journal(folder / "refits.jsonl") as refits:
        before = len(refits.events)
        refit(made, refits, folder, deadline=math.inf)
        return of(Refit, refits.events[before:])


def measured(config: FamilyConfig) -> float:
    assert config == PRESET, "all else was timed in the search"
    return SECONDS["cnn2d"]


@pytest.fixture
def pool() -> Pool:
    return Pool(scene(), fresh=scores)


def test_every_ranked_config_is_scored_before_a_hand_set_network_may_use_the_time_up(
    tmp_path: Path, pool: Pool
) -> None:
    made = searched(tmp_path, pool)
    done = refitted(made, tmp_path, pool, Clock(250.0))
    states = {(event.family, event.seed, event.split_seed): event.state for event in done}
    assert [event.family for event in done[2:5]] == ["forest", "svm", "spectral_memory"]
    assert all(states[name, 0, 0] == "completed" for name in ("forest", "svm", "spectral_memory"))
    assert {states["forest", seed, 0] for seed in (1, 2)} == {states["forest", 0, split] for split in (1, 2)}
    assert states["cnn2d", 0, 0] == "skipped"
    assert states["svm", 1, 0] == states["spectral_memory", 1, 0] == "completed", "what is cheaper has its turn"


def test_a_dear_winner_has_its_refit_before_what_is_cheap(tmp_path: Path) -> None:
    pool = Pool(scene(), fresh=lambda config, seed: 0.99 if config == MEMORY else scores(config, seed))
    made = searched(tmp_path, pool)
    clock = Clock(60.3)
    done = refitted(made, tmp_path, pool, clock)
    completed = [event.family for event in done if event.state == "completed"]
    assert completed == ["coordinate_1nn", "majority", "spectral_memory", "svm"]
    assert "it would take 0.4 s, 0.1 s are left" in clock.refused


def test_a_resume_knows_what_its_refits_took(tmp_path: Path, pool: Pool) -> None:
    made = searched(tmp_path, pool)
    with Journal(tmp_path / "refits.jsonl") as refits:
        cut_short = {"state": "skipped", "epochs": 4, "fit_seconds": 140.0, "labels_train": len(made.split.pool)}
        macs = costs.macs(PRESET, N_BANDS, N_CLASSES)
        key = f"split-0/cnn2d-{PRESET.hash()}/seed-0"
        event = told.refit(key, family="cnn2d", config=PRESET.active(), macs=macs, max_epochs=10, **cut_short)
        refits.append(event)
        assert made.pace(refits.events).seconds(PRESET, len(made.split.pool)) == pytest.approx(350.0)
    clock = Clock(345.0)
    done = refitted(made, tmp_path, pool, clock)
    assert [event.family for event in done if event.state == "skipped"] == ["cnn2d", "cnn2d"]
    assert clock.refused[0].startswith("it would take 350 s")


def test_what_nothing_was_timed_like_is_tried_under_a_deadline_alone(tmp_path: Path, pool: Pool) -> None:
    made = work(tmp_path, pool)
    propose(made.journal, "t2", SVM, 0.9)
    asked: list[str] = []

    def measure(config: FamilyConfig) -> float:
        asked.append(config.family)
        return SECONDS[config.family]

    made = Work(*(getattr(made, name) for name in ("run_config", "scene", "split", "journal", "run_jobs")))
    object.__setattr__(made, "measure", measure)
    assert made.pace().seconds(PRESET, 40) is None
    assert made.pace(measures=True).seconds(PRESET, len(made.split.train)) == pytest.approx(350.0)
    assert asked == ["cnn2d"]


def test_a_pace_is_that_of_the_config_else_of_its_family_else_of_the_networks() -> None:
    extent = Extent(n_pixels=144, n_bands=N_BANDS, n_classes=N_CLASSES)
    macs = costs.macs(PRESET, N_BANDS, N_CLASSES)
    assert macs is not None
    slow = told.trial({10: 0.9}, family="cnn2d", config=TUNED.active(), macs=macs // 2)
    pace = Pace.of(extent, 10, [slow], n_train=30)
    own = told.trial({10: 0.9}, family="cnn2d", config=PRESET.active(), macs=macs)
    both = Pace.of(extent, 10, [slow, own], n_train=30)
    epoch = own.seconds_per_epoch
    assert both.seconds(PRESET, 30) == pytest.approx(10 * epoch)
    assert both.seconds(PRESET, 60) == pytest.approx(20 * epoch)
    assert pace.seconds(PRESET, 30) == pytest.approx(20 * epoch, rel=0.01), "twice the multiply-adds"
    assert (
        Pace.of(extent, 10, [told.trial({10: 0.9}, family="svm", config=SVM.active(), macs=None)], 30).seconds(
            PRESET, 30
        )
        is None
    )
    memory = costs.macs(MEMORY, N_BANDS, N_CLASSES)
    assert memory is not None
    assert pace.seconds(MEMORY, 30) == pytest.approx(20 * epoch * memory / macs, rel=0.01)


def test_a_filter_over_space_does_not_change_what_a_training_takes() -> None:
    """Trials are trained without one, and a small network of the family is slower for its multiply-adds by far."""
    extent = Extent(n_pixels=144, n_bands=N_BANDS, n_classes=N_CLASSES)
    macs = costs.macs(PRESET, N_BANDS, N_CLASSES)
    assert macs is not None
    small = told.trial({10: 0.9}, family="cnn2d", config=TUNED.active(), macs=macs // 50)
    own = told.trial({10: 0.9}, family="cnn2d", config=PRESET.active(), macs=macs)
    filtered = type(PRESET)(**{**PRESET.active(), "smoothing": "majority", "smoothing_radius": 3})
    pace = Pace.of(extent, 10, [small, own], n_train=30)
    assert pace.seconds(filtered, 30) == pytest.approx(10 * own.seconds_per_epoch)
    refit = told.refit(
        "key", family="cnn2d", config=filtered.active(), macs=macs, labels_train=30, epochs=10, fit_seconds=7.0
    )
    assert Pace.of(extent, 10, [small], 30, [refit]).seconds(PRESET, 30) == pytest.approx(7.0)


def test_an_ensemble_takes_what_its_members_take_and_tells_nothing_of_others() -> None:
    extent = Extent(n_pixels=144, n_bands=N_BANDS, n_classes=N_CLASSES)
    svm = told.trial({10: 0.9}, family="svm", config=SVM.active(), macs=None)
    net = told.trial({10: 0.9}, family="cnn2d", config=PRESET.active(), macs=costs.macs(PRESET, N_BANDS, N_CLASSES))
    both = EnsembleConfig(members=(SVM, SVM, PRESET))
    refit = told.refit("key", family="ensemble", macs=7, labels_train=30, epochs=10, fit_seconds=1e6)
    pace = Pace.of(extent, 10, [svm, net], n_train=30, refits=[refit])
    each = [pace.seconds(member, 30) for member in (SVM, PRESET)]
    assert None not in each
    assert pace.seconds(both, 30) == pytest.approx(sum(each))  # type: ignore[arg-type]
    assert pace.seconds(MEMORY, 30) is not None
    assert Pace.of(extent, 10, [svm], 30, [refit]).seconds(MEMORY, 30) is None
    assert Pace.of(extent, 10, [svm], n_train=30).seconds(both, 30) is None


def test_the_winners_map_comes_before_its_other_seeds(tmp_path: Path, pool: Pool) -> None:
    """The test pixels take 0.5 s; ten seconds more are kept for the end of the run anyway."""
    made = searched(tmp_path, pool)
    clock = Clock(1.1)
    clock.kept_free = lambda job: pool.kept_free(job)
    pool.skip = clock.skips
    now = time.monotonic()
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(made, refits, tmp_path, now + 1000, end=now + 1000 + BESIDE_S)
        completed = [event.family for event in of(Refit, refits.events) if event.state == "completed"]
    of_the_map = 0.5 * made.scene.valid.sum() / len(made.split.test)
    assert pool.kept_free(pool.jobs[-1]) == pytest.approx(of_the_map)
    assert completed == ["coordinate_1nn", "majority", "forest", "svm"]
    assert clock.left == pytest.approx(0.5)
    assert f"it would take 0.4 s, 0.5 s are left, {of_the_map:.2g} s of them kept free" in clock.refused

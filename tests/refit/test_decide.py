"""What is retrained: smoothing and ensemble are chosen on the deciding folds, from probabilities that were kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.refit import evidence, reevaluate, refit
from hsiauto.refit.decide import LEAD
from hsiauto.refit.evidence import Evidence, Folds, allowed
from hsiauto.refit.work import Work
from hsiauto.search.events import Ranked, Refit, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.workers.jobs import Job
from hsiauto.split.seal import TrialData
from tests.refit.fabricated import FOREST, SVM, Pool, propose, scene, work

Errs = Callable[[FamilyConfig, np.ndarray], np.ndarray]
"""(config, flat pixels) -> where the model is wrong."""
NET = Cnn1dConfig(components=3, batch_size=8)
UNSMOOTHED = {"svm.smoothing": "none", "forest.smoothing": "none"}


def telling(errs: Errs, sure: Callable[[FamilyConfig], float] = lambda config: 0.9) -> Pool:
    """A pool of models that are `sure` of their class where they are right, and less so where they err."""
    made = scene()

    def tell(job: Job, data: TrialData) -> np.ndarray | None:
        if job.probabilities_at is None:
            return None
        right, wrong = made.labels.ravel()[job.probabilities_at] - 1, errs(job.config, job.probabilities_at)
        said = np.where(wrong, (right + 1) % 3, right)
        p_N1 = np.where(wrong, 0.8, 1.0)[:, None] * sure(job.config)
        return np.where(said[:, None] == np.arange(3), p_N1, (1 - p_N1) / 2)

    return Pool(made, fresh=lambda config, seed: 0.8 if config.family == "svm" else 0.75, tell=tell)


def decided(folder: Path, pool: Pool, **changes: object) -> tuple[Work, Ranked]:
    made = work(folder, pool, **changes)
    propose(made.journal, "t1", SVM, 0.9)
    propose(made.journal, "t2", FOREST, 0.8)
    return made, reevaluate(made, folder)


def in_turns(config: FamilyConfig, pixels: np.ndarray) -> np.ndarray:
    """Neither errs where the other does."""
    return pixels % 3 == (0 if config.family == "svm" else 1)


def test_the_filter_with_the_best_mean_is_part_of_what_is_retrained(tmp_path: Path) -> None:
    made, order = decided(tmp_path, telling(lambda config, pixels: pixels % 7 == 0), ensemble=False)
    first = order.order[0]
    assert first.trial_id == "t1"
    assert first.config["smoothing"] != "none"
    assert {name: value for name, value in first.config.items() if "smoothing" not in name} == {
        name: value for name, value in SVM.active().items() if "smoothing" not in name
    }
    assert config_from(first.config).hash() == first.config_hash != SVM.hash()
    assert np.mean(first.on_folds) > 0.9
    assert "filter of radius" in first.reason or "vote of radius" in first.reason
    assert read(made.journal.path)[-1] == order, "what is written agrees with what was tried"


def test_a_pin_keeps_a_filter_away(tmp_path: Path) -> None:
    errs: Errs = lambda config, pixels: pixels % 7 == 0  # noqa: E731
    _, order = decided(tmp_path, telling(errs), ensemble=False, pins=UNSMOOTHED)
    assert {one.config["smoothing"] for one in order.order} == {"none"}
    assert order.order[0].score == pytest.approx(0.8)


def test_the_mean_of_families_that_err_elsewhere_comes_first_and_is_refitted(tmp_path: Path) -> None:
    made, order = decided(tmp_path, telling(in_turns), pins=UNSMOOTHED)
    first = order.order[0]
    assert (first.trial_id, set(first.members)) == (None, {"t1", "t2"})
    assert config_from(first.config) == EnsembleConfig(members=(SVM, FOREST))
    assert first.on_folds == (1.0, 1.0, 1.0)
    pixels = np.concatenate([data.val_pixels for data in Folds.of(made).data.values()])
    sure = np.where(pixels % 3 < 2, (0.9 + 0.14) / 2, 0.9)  # less so if one of the two errs
    assert first.ece == pytest.approx(1 - sure.mean(), abs=1e-3), "right everywhere"
    assert order.classes_validated == 3
    assert [one.trial_id for one in order.order[1:]] == ["t1", "t2"]
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(made, refits, tmp_path)
        [winner] = {event.family for event in of(Refit, refits.events) if event.rank == 1}
    assert winner == "ensemble"
    assert read(made.journal.path)[-1] == order


@pytest.mark.parametrize(("every", "order"), [(30, [None, "t1", "t2"]), (5, ["t1", "t2", None])])
def test_the_mean_leads_unless_the_best_config_is_ahead_by_far(
    tmp_path: Path, every: int, order: list[str | None]
) -> None:
    errs: Errs = lambda config, pixels: (pixels % every == 0) & (config.family == "forest")  # noqa: E731
    pool = telling(errs, sure=lambda config: 0.4 if config.family == "svm" else 0.9)
    pool.fresh = lambda config, seed: 1.0 if config.family == "svm" else 0.95
    _, found = decided(tmp_path, pool, pins=UNSMOOTHED)
    assert [one.trial_id for one in found.order] == order
    at = {one.trial_id: one for one in found.order}
    assert at[None].score < at["t1"].score
    assert "the best of all +" in at[None].reason


@pytest.mark.parametrize(("on_search_fold", "first"), [(0.83, "t2"), (0.95, "t1")])
def test_what_no_fold_has_measured_is_first_only_if_it_is_ahead_by_far(
    tmp_path: Path, on_search_fold: float, first: str
) -> None:
    pool = telling(in_turns)
    pool.skip = lambda job: job.config == SVM
    made = work(tmp_path, pool, pins=UNSMOOTHED)
    propose(made.journal, "t1", SVM, on_search_fold)
    propose(made.journal, "t2", FOREST, 0.8)
    order = reevaluate(made, tmp_path).order
    assert order[0].trial_id == first
    assert "predicted" in {one.trial_id: one.reason for one in order}["t1"]


def test_a_mean_without_the_best_stands_by_its_score(tmp_path: Path) -> None:
    pool = telling(lambda config, pixels: pixels % 20 == 0)
    tell = pool.tell
    pool.tell = lambda job, data: None if job.config == NET else tell(job, data)
    pool.fresh = lambda config, seed: 0.96 if config == NET else 0.91
    made = work(tmp_path, pool, pins=UNSMOOTHED)
    for trial_id, config, score in (("t1", SVM, 0.9), ("t2", FOREST, 0.8), ("t3", NET, 0.95)):
        propose(made.journal, trial_id, config, score)
    first, mean, *_ = reevaluate(made, tmp_path).order
    assert first.trial_id == "t3"
    assert set(mean.members) == {"t1", "t2"}
    assert first.score - LEAD < mean.score < first.score


def test_no_ensemble_if_it_is_off_or_a_family_has_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "off").mkdir()
    (tmp_path / "silent").mkdir()
    _, off = decided(tmp_path / "off", telling(in_turns), ensemble=False)
    pool = telling(in_turns)
    tell = pool.tell
    pool.tell = lambda job, data: None if job.config == FOREST else tell(job, data)
    _, silent = decided(tmp_path / "silent", pool, pins=UNSMOOTHED)
    for order in (off, silent):
        assert [one.trial_id for one in order.order] == ["t1", "t2"]
    assert not any("ensemble" in note for note in off.notes)
    assert "no ensemble: 1 of the families within 0.1 of the best told probabilities on every fold" in silent.notes


def test_a_resume_decides_from_what_was_kept(tmp_path: Path) -> None:
    pool = telling(in_turns)
    made, first = decided(tmp_path, pool)
    trained = len(pool.jobs)
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.npz"))
    assert kept == [f"validation/{fold}/{trial}.npz" for fold in (2, 3, 4) for trial in ("t1", "t2")]
    propose(made.journal, "t3", SVM, 0.9)  # an extended search
    again = reevaluate(made, tmp_path)
    assert len(pool.jobs) == trained
    assert again.order == first.order


def test_no_filter_reads_beyond_the_buffer() -> None:
    for support in range(12):
        reaches = [support + one.smoothing_reach for one in allowed(support, 8)[1:]]
        assert all(reach <= 8 for reach in reaches)
        assert len(reaches) == sum(support + reach <= 8 for reach in (2, 4, 8))
    assert len(allowed(99, None)) == 4


def test_probabilities_are_asked_for_as_far_around_validation_as_a_filter_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = work(tmp_path, telling(in_turns))
    folds = Folds.of(made)
    asked = Evidence(made, folds, tmp_path).asked(0, 2)
    rows, columns = np.divmod(folds.data[2].val_pixels, 12)
    near = np.zeros((12, 12), bool)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        near[max(0, row - 8) : row + 9, max(0, column - 8) : column + 9] = True
    np.testing.assert_array_equal(asked, np.flatnonzero(near))
    monkeypatch.setattr(evidence, "MOST_ASKED", len(asked) - 1)
    assert len(Evidence(made, folds, tmp_path).asked(0, 2)) < len(asked)
    monkeypatch.setattr(evidence, "MOST_ASKED", 0)
    np.testing.assert_array_equal(Evidence(made, folds, tmp_path).asked(0, 2), folds.data[2].val_pixels)

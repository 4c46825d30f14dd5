"""Re-evaluation: every family's best and presets on folds that did not choose them, nothing done twice."""

import time
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.refit import candidates, reevaluate
from hsiauto.refit.candidates import with_a_chance
from hsiauto.refit.work import Work
from hsiauto.search.events import Ranked, Reevaluated, of
from hsiauto.search.journal import read
from hsiauto.split import Split
from tests import told
from tests.refit.fabricated import FOREST, PRESET, SVM, TUNED, Pool, propose, scene, searched, work


def ids(ranked: Ranked) -> list[str | None]:
    return [one.trial_id for one in ranked.order]


def test_of_each_family_the_best_few_and_the_presets_are_candidates_and_what_trains_faster_comes_first() -> None:
    many = [told.trial({1: 0.5 + i / 100}, f"t{i}", of=SvmConfig(C=float(i)), number=i) for i in range(1, 7)]
    preset = told.trial({1: 0.1}, "t8", "stopped", of=PRESET, number=8, origin="preset")
    failed = told.trial({1: 0.9}, "t9", "failed", of=FOREST, number=9, origin="preset")
    tuned = told.trial({1: 0.99}, "t7", of=TUNED, number=7)
    tuned.reports = [tuned.reports[0].model_copy(update={"fit_seconds": 0.1})]
    again = told.trial({1: 0.2}, "t10", of=SvmConfig(C=6.0), number=10)
    found = candidates({t.trial_id: t for t in (*many, tuned, preset, failed, again)}, "kappa")
    assert [t.trial_id for t in found] == ["t7", "t6", "t8", "t5", "t4", "t3", "t2"], "the faster of two bests first"


def test_configs_far_behind_the_last_place_on_the_own_fold_are_not_re_evaluated(tmp_path: Path) -> None:
    pool = Pool(scene(), fresh=lambda config, seed: 0.8)
    made = work(tmp_path, pool)
    searched(made.journal)
    propose(made.journal, "t7", SvmConfig(C=20.0), 0.551)
    propose(made.journal, "t8", SvmConfig(C=30.0), 0.549)
    order = reevaluate(made, tmp_path)
    assert {job.key.split("/")[1] for job in pool.jobs} >= {"t0", "t7"}, "a preset that was stopped early is tried"
    assert "t8" not in {job.key.split("/")[1] for job in pool.jobs}, "the third family has 0.85"
    assert any(note.startswith("1 configs were too far behind") for note in order.notes)


def test_with_two_families_all_are_re_evaluated() -> None:
    chosen = [told.trial({1: 0.9}, "t1", of=SVM), told.trial({1: 0.1}, "t2", of=FOREST)]
    assert with_a_chance(chosen, "kappa", top_k=1) == chosen


def test_every_candidate_trains_on_every_fold_and_each_family_is_placed_once(after_search: Work, pool: Pool) -> None:
    order = reevaluate(after_search, after_search.journal.path.parent)
    assert ids(order) == ["t3", "t1", "t2"], "the first three families; cnn2d beats its own preset, t0"
    seen = Counter(event.trial_id for event in of(Reevaluated, after_search.journal.events))
    assert seen == dict.fromkeys(["t0", "t1", "t2", "t3", "t4", "t5"], 3)
    seconds = [job.predicted_seconds or 0.0 for job in pool.jobs]
    assert seconds == sorted(seconds, reverse=True), "without a deadline the longest come first"
    assert set(order.unplaced) == {"t0", "t4", "t5"}
    assert read(after_search.journal.path) == after_search.journal.events, "what is written can be read"


def test_with_a_deadline_one_candidate_trains_after_the_other(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    reevaluate(after_search, tmp_path, time.monotonic() + 1000)
    assert [job.key.split("/")[1] for job in pool.jobs[:4]] == ["t1", "t1", "t1", "t2"]


def test_a_family_is_placed_by_the_better_of_config_and_preset(tmp_path: Path) -> None:
    scores = {"forest": 0.95, "cnn2d": 0.9, "svm": 0.8, "spectral_memory": 0.1}
    made = work(tmp_path, Pool(scene(), fresh=lambda config, seed: scores[config.family]))
    searched(made.journal)
    order = reevaluate(made, tmp_path)
    assert ids(order) == ["t3", "t0", "t2"], "no better than its preset: t0 stands for cnn2d"
    assert "within the noise" in order.unplaced["t1"]
    assert reevaluate(made, tmp_path) == order


def test_without_a_limit_re_evaluation_takes_no_longer_than_a_share_of_the_search(
    after_search: Work, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """7 s of search; one candidate always trains, which takes some 3 s; then nothing else fits into 3.5 s."""
    monkeypatch.setattr(import_module("hsiauto.refit.reevaluate"), "LEAST_S", 0.0)
    reevaluate(after_search, tmp_path)
    assert {job.key.split("/")[1] for job in pool.jobs} == {"t1"}


def test_the_order_is_final_until_the_search_goes_on(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    first = reevaluate(after_search, tmp_path)
    trained = len(pool.jobs)
    assert reevaluate(after_search, tmp_path) == first
    assert len(pool.jobs) == trained
    propose(after_search.journal, "t7", SpectralMemoryConfig(depth=2), 0.97)
    assert ids(reevaluate(after_search, tmp_path))[0] == "t7"
    assert len(pool.jobs) == trained + 3, "only the newcomer was trained"


def test_what_time_left_out_is_journalled_and_made_up_for(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    pool.skip = lambda job: job.seed == 2
    reevaluate(after_search, tmp_path)
    states = Counter(event.state for event in of(Reevaluated, after_search.journal.events))
    assert states == {"completed": 12, "skipped": 6}


def test_folds_that_the_pool_does_not_bear_are_missing_and_said(
    after_search: Work, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_two_classes(split: Split, labels: np.ndarray, k: int, groups: None) -> tuple[Split, ...]:
        return split, replace(split, val=split.val[labels.ravel()[split.val] <= 2])

    monkeypatch.setattr(import_module("hsiauto.refit.evidence"), "folds", of_two_classes)
    notes = reevaluate(after_search, tmp_path).notes
    assert {job.data for job in pool.jobs} == {"fold-2"}
    assert notes[0].startswith("the training pool bears 1 further validation fold of enough classes, 3 were asked")
    assert notes[1].startswith("validation fold 2 holds no pixel of c")


def test_a_training_cut_off_by_the_deadline_is_no_failure(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    pool.fail = lambda job: job.config == SVM
    order = reevaluate(after_search, tmp_path, deadline=time.monotonic() - 1)
    states = Counter((e.trial_id, e.state) for e in of(Reevaluated, after_search.journal.events))
    assert states[("t2", "skipped")] == 3
    assert not any("failed" in one.reason for one in order.order)

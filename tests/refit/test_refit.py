"""Re-evaluation and refits: the order is settled before any test score, and nothing is scored or done twice."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hsiauto.families import costs
from hsiauto.leaderboard import Context, rows
from hsiauto.refit import MODEL_FOLDER, RUNNERS_UP, reevaluate, refit, refit_config, refit_on_split
from hsiauto.refit.work import Work
from hsiauto.search.events import Ranked, Refit, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.workers.jobs import Job
from tests.refit.fabricated import FOREST, FOREST_PRESET, PRESET, SVM, Pool, by_family, propose, scene, searched, work


def test_refits(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    reevaluate(after_search, tmp_path)
    pool.jobs.clear()
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(after_search, refits, tmp_path)
        done = of(Refit, refits.events)
    own = [e for e in done if e.split_seed == 0]
    count = Counter((e.kind, e.family, e.rank) for e in own)
    assert count == {
        ("baseline", "coordinate_1nn", None): 1,
        ("baseline", "majority", None): 1,
        ("refit", "forest", 1): 3,
        ("refit", "cnn2d", 2): 2,
        ("refit", "svm", 3): 2,
        ("baseline", "cnn2d", None): 2,
        ("baseline", "forest", None): 2,
    }
    assert [e.split_seed for e in done if e.split_seed] == [1, 2]
    assert {e.family for e in done if e.split_seed} == {"forest"}
    order = [(e.family, e.kind, e.seed, e.split_seed) for e in done]
    assert order[:7] == [
        ("coordinate_1nn", "baseline", 0, 0),
        ("majority", "baseline", 0, 0),
        ("forest", "refit", 0, 0),
        ("cnn2d", "refit", 0, 0),
        ("svm", "refit", 0, 0),
        ("forest", "baseline", 0, 0),
        ("forest", "refit", 1, 0),
    ]
    assert order[6:11] == [
        ("forest", "refit", 1, 0),
        ("forest", "refit", 0, 1),
        ("forest", "refit", 2, 0),
        ("forest", "refit", 0, 2),
        ("cnn2d", "baseline", 0, 0),
    ]
    n_test = len(after_search.split.test)
    assert all(e.test_oa == pytest.approx(1 - 3 / n_test) for e in own)
    assert all(e.test_ece == pytest.approx(abs(0.75 - (1 - 3 / n_test))) for e in own)
    assert set(own[0].test_per_class or ()) == {"a", "b", "c"}
    assert sum((own[0].test_pixels_per_class or {}).values()) == own[0].pixels_test == n_test
    assert own[0].labels_train == len(after_search.split.pool)
    assert (tmp_path / MODEL_FOLDER / "config.json").read_text() == FOREST.hash()
    kept = {path.name: (path / "config.json").read_text() for path in (tmp_path / RUNNERS_UP).iterdir()}
    assert kept == {str(e.rank): e.config_hash for e in done if e.rank in (2, 3)}
    predicted = next(job for job in pool.jobs if job.config == FOREST).predicted_seconds
    assert predicted == pytest.approx(1.0 * len(after_search.split.pool) / len(after_search.split.train))


def test_no_test_label_is_read_before_the_order_is_settled(after_search: Work, tmp_path: Path) -> None:
    with Journal(tmp_path / "refits.jsonl") as refits, pytest.raises(AssertionError, match="rank before"):
        refit(after_search, refits, tmp_path)


def test_poisoned_test_labels_change_test_scores_alone(tmp_path: Path) -> None:
    """The seal, seen from here: same jobs, same data, same order."""
    told = []
    for name, poison in (("clean", False), ("poisoned", True)):
        made = scene()
        pool = Pool(made, fresh=by_family)
        (tmp_path / name).mkdir()
        one = work(tmp_path / name, pool)
        searched(one.journal)
        if poison:
            made.labels.ravel()[one.split.test] = 1 + made.labels.ravel()[one.split.test] % 3
            pool.errors = lambda config: 0
        reevaluate(one, tmp_path / name)
        with Journal(tmp_path / name / "refits.jsonl") as refits:
            refit(one, refits, tmp_path / name)
            told.append(
                (of(Ranked, one.journal.events)[0].order, [job.key for job in pool.jobs], of(Refit, refits.events))
            )
    assert told[0][:2] == told[1][:2]
    assert [e.test_oa for e in told[0][2]] != [e.test_oa for e in told[1][2]]


def test_an_interrupted_refit_goes_on_without_redoing_or_rescoring(
    after_search: Work, pool: Pool, tmp_path: Path
) -> None:
    reevaluate(after_search, tmp_path)
    pool.jobs.clear()

    def until_the_fifth(job: Job) -> bool:
        if len(pool.jobs) == 5:
            raise KeyboardInterrupt
        return False

    pool.fail = until_the_fifth
    with Journal(tmp_path / "refits.jsonl") as refits, pytest.raises(KeyboardInterrupt):
        refit(after_search, refits, tmp_path)
    pool.fail = lambda job: False
    first = [job.key for job in pool.jobs[:4]]
    pool.jobs.clear()
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(after_search, refits, tmp_path)
        keys = [e.key for e in of(Refit, refits.events)]
    assert len(keys) == len(set(keys)) == 15
    assert not set(first) & {job.key for job in pool.jobs}


def test_skipped_refits_are_recorded_and_taken_up_by_a_resume(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    reevaluate(after_search, tmp_path)
    pool.skip = lambda job: job.seed > 0
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(after_search, refits, tmp_path)
        skipped = [e for e in of(Refit, refits.events) if e.state == "skipped"]
        assert skipped
        assert all(e.error == "no time" and e.test_oa is None for e in skipped)
        pool.skip = lambda job: False
        refit(after_search, refits, tmp_path)
        latest = {e.key: e.state for e in of(Refit, refits.events)}
    assert set(latest.values()) == {"completed"}


def test_a_new_winner_of_an_extended_search_is_saved_and_not_scored_again(
    after_search: Work, pool: Pool, tmp_path: Path
) -> None:
    reevaluate(after_search, tmp_path)
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(after_search, refits, tmp_path)
        propose(after_search.journal, "t7", FOREST_PRESET, 0.97)  # refitted before, as a baseline
        assert reevaluate(after_search, tmp_path).order[0].trial_id == "t7"
        (tmp_path / MODEL_FOLDER / "config.json").unlink()
        (tmp_path / MODEL_FOLDER).rmdir()
        refit(after_search, refits, tmp_path)
        keys = [e.key for e in of(Refit, refits.events)]
    assert len(keys) == len(set(keys))
    assert (tmp_path / MODEL_FOLDER / "config.json").read_text() == FOREST_PRESET.hash()


def test_a_model_that_was_lost_is_saved_again_and_not_scored_again(
    after_search: Work, pool: Pool, tmp_path: Path
) -> None:
    reevaluate(after_search, tmp_path)
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(after_search, refits, tmp_path)
        done = len(refits.events)
        (tmp_path / MODEL_FOLDER / "config.json").unlink()
        (tmp_path / MODEL_FOLDER).rmdir()
        refit(after_search, refits, tmp_path)
        assert len(refits.events) == done
        refit(after_search, refits, tmp_path, saves_again=True)
        assert [event.event for event in refits.events[done:]] == ["model"]
    assert pool.jobs[-1].predict is None
    assert (tmp_path / MODEL_FOLDER / "config.json").exists()
    assert read(tmp_path / "refits.jsonl")


def test_another_split_takes_the_chosen_and_the_best_classical(tmp_path: Path) -> None:
    scores = {"cnn2d": 0.99, "svm": 0.4, "forest": 0.3, "spectral_memory": 0.6}
    pool = Pool(scene(), fresh=lambda config, seed: scores[config.family])
    made = work(tmp_path, pool, top_k=1)
    searched(made.journal)
    assert [one.trial_id for one in reevaluate(made, tmp_path).order] == ["t0"]
    with Journal(tmp_path / "refits-7.jsonl") as refits:
        refit_on_split(made, refits, split_seed=7, seeds=2)
        done = of(Refit, refits.events)
    assert {e.split_seed for e in done} == {7}
    assert Counter(e.family for e in done) == {"coordinate_1nn": 1, "majority": 1, "cnn2d": 2, "svm": 2, "forest": 2}
    assert {e.trial_id for e in done if e.family == "svm"} == {"t2"}
    assert done[0].split_hash != made.split.hash


def test_a_row_shows_what_was_trained_and_joins_by_what_was_asked(tmp_path: Path, pool: Pool) -> None:
    made = work(tmp_path, pool)
    asked = type(PRESET)(**{**PRESET.active(), "components": 40})  # the scene has 6 bands
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit_config(made, refits, asked, 1, tmp_path)
        [event] = [e for e in of(Refit, refits.events) if e.family == "cnn2d"]
        context = Context("run", "fabricated", made.run_config, made.split)
        [row] = [r for r in rows(made.journal.events, refits.events, context).to_pylist() if r["family"] == "cnn2d"]
    [trained] = [job.config for job in pool.jobs if job.config.family == "cnn2d"]
    assert (event.config, event.trained_config) == (asked.active(), trained.active())
    assert event.config_hash == row["config_hash"] == asked.hash()
    assert json.loads(row["config"]) == trained.active()
    assert row["param.cnn2d.components"] == 6
    larger = costs.parameters(asked, 100, 3)
    assert larger is not None
    assert row["parameters"] == costs.parameters(trained, 6, 3)
    assert row["parameters"] < larger


def test_one_config_without_a_search(tmp_path: Path, pool: Pool) -> None:
    made = work(tmp_path, pool)
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit_config(made, refits, SVM, 2, tmp_path)
        done = of(Refit, refits.events)
    assert [(e.family, e.rank) for e in done] == [
        ("coordinate_1nn", None),
        ("majority", None),
        ("svm", 1),
        ("svm", 1),
    ]


def test_a_worker_never_gets_a_test_label(after_search: Work, pool: Pool, tmp_path: Path) -> None:
    data = []
    train = pool.__call__

    def watch(jobs, datasets, run_config, deadline=None, kept_free=lambda job: 0.0):  # type: ignore[no-untyped-def]
        data.extend((job, datasets[job.data]) for job in jobs)
        return train(jobs, datasets, run_config, deadline, kept_free)

    watched = Work(after_search.run_config, after_search.scene, after_search.split, after_search.journal, watch)
    reevaluate(watched, tmp_path)
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(watched, refits, tmp_path)
    for job, seen in data:
        test = after_search.split.test if job.predict is None else job.predict
        assert not np.intersect1d(np.concatenate([seen.train_pixels, seen.val_pixels]), test).size


def test_refit_events_are_json(after_search: Work, tmp_path: Path) -> None:
    reevaluate(after_search, tmp_path)
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit(after_search, refits, tmp_path)
    lines = (tmp_path / "refits.jsonl").read_text().splitlines()
    assert all(not math.isnan(json.loads(line).get("test_oa", 0.0)) for line in lines)

"""A training that asks for its labels: each cycle scored once and journalled, labels counted, the control paired."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from hsiauto import leaderboard as boards
from hsiauto.config import RunConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models.bundle import save_files
from hsiauto.refit import MODEL_FOLDER, Work, refit_config
from hsiauto.refit import plan as plans
from hsiauto.refit.scoring import Target, record
from hsiauto.report.labels_figure import curves
from hsiauto.search.events import Cycle, Event, Refit, of
from hsiauto.search.journal import Journal
from hsiauto.search.workers.job_worker import JobWorker
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.split import overlap
from hsiauto.split.seal import SealedScores, SealedTest, TrialData
from hsiauto.training.active.recipe import ActiveLabels
from hsiauto.training.trial import Trial
from tests.refit.fabricated import SVM, Pool, scene, work

LABELS = ActiveLabels(initial=0.2, acquire=0.3, cycles=3, budget=24)
WAYS = ("margin-3", "random")


class Training(Pool):
    """Trains for real, without a cluster."""

    def __call__(
        self,
        jobs: Sequence[Job],
        datasets: Mapping[str, TrialData],
        run_config: RunConfig,
        deadline: float | None = None,
        kept_free: Callable[[Job], float] = lambda job: 0.0,
    ) -> Iterator[JobResult]:
        for job in jobs:
            result = JobWorker("cpu", 1, 1, Trial)._trained(job, datasets[job.data], math.inf, {})
            if job.save_to is not None and result.model is not None:
                save_files(result.model, job.save_to)
            yield result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Work, list[Event]]:
    folder = tmp_path_factory.mktemp("run")
    done = work(folder, Training(scene()), labels=LABELS, random_control=True)
    with Journal(folder / "refits.jsonl") as refits:
        refit_config(done, refits, SVM, 2, folder)
        assert (folder / MODEL_FOLDER / "config.json").exists()
        return done, refits.events


def test_every_row_counts_its_labels(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    refits = of(Refit, events)
    assert Counter((e.family, e.kind, e.rank, e.acquisition) for e in refits) == {
        ("svm", "refit", 1, "margin-3"): 2,
        ("svm", "baseline", None, "random"): 2,
        ("coordinate_1nn", "baseline", None, "random"): 1,
        ("majority", "baseline", None, "random"): 1,
    }
    assert {e.labels_train for e in refits} == {24}, "references stand beside it on as many labels"
    assert len({e.key for e in refits}) == len(refits)
    trainings = len(LABELS.plan(len(done.split.pool), 3))
    assert {(e.epochs, e.max_epochs) for e in refits} == {(10 * trainings, 10 * trainings)}


def test_cycles_lead_to_the_row(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    plan = LABELS.plan(len(done.split.pool), 3)
    for refit in of(Refit, events):
        cycles = [e for e in of(Cycle, events) if e.key == refit.key]
        assert tuple(e.labels for e in cycles) == plan
        assert [e.cycle for e in cycles] == list(range(len(plan)))
        assert all(
            getattr(cycles[-1], name) == getattr(refit, name)
            for name in ("test_oa", "test_aa", "test_kappa", "test_ece")
        )
        assert all(e.test_oa is not None and 0 <= e.test_oa <= 1 for e in cycles)
        asked = np.concatenate([e.acquired for e in cycles])
        assert not np.intersect1d(asked, done.split.test).size
        assert len(np.unique(asked)) == refit.labels_train


def test_the_canary_learns_from_the_labels_of_each_cycle(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    labels = done.scene.labels.ravel()
    test = np.stack(np.divmod(done.split.test, done.scene.width), axis=1)
    asked: dict[str, list[int]] = {}
    for cycle in of(Cycle, events):
        known = asked.setdefault(cycle.key, [])
        known += cycle.acquired
        known.sort()
        if "svm" not in cycle.key:
            assert cycle.canary_oa is None
            continue
        at = np.stack(np.divmod(np.array(known), done.scene.width), axis=1)
        nearest = KNeighborsClassifier(1, algorithm="kd_tree").fit(at, labels[known])
        assert cycle.canary_oa == pytest.approx(np.mean(nearest.predict(test) == labels[done.split.test]))
    assert len(asked) == 6


def test_the_control_starts_where_the_choice_starts(made: tuple[Work, list[Event]]) -> None:
    first = {e.key: e for e in of(Cycle, made[1]) if e.cycle == 0}
    for seed in (0, 1):
        chosen, random = (next(first[k] for k in first if f"svm-{SVM.hash()}/{way}/seed-{seed}" in k) for way in WAYS)
        assert (chosen.acquired, chosen.test_oa) == (random.acquired, random.test_oa)


def _recorded(done: Work, target: Target, config: SvmConfig, path: Path) -> tuple[list[Event], JobResult]:
    """Train SVM on `target`; journal it as a training of `config`."""
    training = plans.Training("refit", config, 0, 0, labels=LABELS)
    job = Job("k", SVM, "split-0", 0, 1, predict=done.split.test, labels=LABELS)
    [result] = done.run_jobs([job], {"split-0": target.data}, done.run_config)
    with Journal(path) as journal:
        record(done, journal, training, target, result, 1)
        return journal.events, result


def test_overlap_counts_the_pixels_that_were_asked_for(made: tuple[Work, list[Event]], tmp_path: Path) -> None:
    done, events = made
    for refit in of(Refit, events):
        assert (refit.overlap_contains or 0) <= overlap(done.split, refit.support).contains
    wide = SVM.model_copy(update={"features": "multiscale", "sigma": 0.25})
    few, _ = _recorded(done, Target.of(done, 0), wide, tmp_path / "refits")
    [refit] = of(Refit, few)
    assert (refit.overlap_contains or 0) < overlap(done.split, 1).contains


def test_a_cycle_meets_the_test_labels_once(made: tuple[Work, list[Event]], tmp_path: Path) -> None:
    done, target = made[0], Target.of(made[0], 0)
    events, result = _recorded(done, target, SVM, tmp_path / "first")
    cycles = of(Cycle, events)
    assert len(cycles) == len(result.cycles)
    for key in (cycles[0].key, f"{cycles[0].key}/cycle-0"):
        with pytest.raises(RuntimeError, match="scored once"):
            target.scores(key, result, target.distances(done.split.pool))
    with pytest.raises(RuntimeError, match="scored once"):
        _recorded(done, target, SVM, tmp_path / "second")


@pytest.mark.parametrize("last_kept", [0, 1, 2])
def test_a_driver_killed_before_the_refit_event_scores_no_cycle_again(
    made: tuple[Work, list[Event]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_kept: int
) -> None:
    """last_kept: cycle of the winner's first training after which the journal ends; 2 is the last one."""
    plan = LABELS.plan(len(made[0].split.pool), 3)
    key = next(e.key for e in of(Cycle, made[1]) if "margin" in e.key)
    whole = [e for e in made[1] if isinstance(e, Cycle | Refit)]
    lost = [e for e in whole if e.key == key and not (isinstance(e, Cycle) and e.cycle <= last_kept)]
    path, scored = tmp_path / "refits.jsonl", list[str]()
    with Journal(path) as refits:
        for event in whole:
            if event not in lost:
                refits.append(event)
    score = SealedTest.score

    def watched(self: SealedTest, name: str, *given: np.ndarray) -> SealedScores:
        scored.append(name)
        return score(self, name, *given)

    monkeypatch.setattr(SealedTest, "score", watched)
    done = work(tmp_path, Training(scene()), labels=LABELS, random_control=True)
    with Journal(path) as refits:
        refit_config(done, refits, SVM, 2, tmp_path)
        again = refits.events
    canaries = [name for name in scored if name.endswith("/canary")]
    assert len(scored) - len(canaries) == len(canaries) == len(plan) - 1 - last_kept == 2 - last_kept
    assert [e.cycle for e in of(Cycle, again) if e.key == key] == list(range(len(plan)))
    [before], [after] = ([e for e in of(Refit, events) if e.key == key] for events in (made[1], again))
    for name in ("test_oa", "test_aa", "test_kappa", "test_per_class", "labels_train", "state"):
        assert getattr(after, name) == getattr(before, name)


def test_the_table_says_how_and_how_many(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    context = boards.Context("run", "fabricated", done.run_config, done.split)
    table = boards.rows(done.journal.events, events, context)
    assert set(table["acquisition"].to_pylist()) == {"margin-3", "random"}
    assert set(table["labels_train"].to_pylist()) == {24}
    lines = boards.summary(table)
    assert [(line.family, line.acquisition, line.n_seeds) for line in lines if line.family == "svm"] == [
        ("svm", "margin-3", 2),
        ("svm", "random", 2),
    ]
    counted, against = boards.label_statement(table, len(done.split.pool))
    assert counted.startswith(f"24 labels were asked for by margin-3, out of a pool of {len(done.split.pool)} ")
    scores = {
        way: [e.test_oa or 0.0 for e in of(Refit, events) if e.family == "svm" and e.acquisition == way] for way in WAYS
    }
    assert f"{100 * (np.mean(scores['margin-3']) - np.mean(scores['random'])):+.2f} points" in against
    plain = table.filter(np.array([way != "margin-3" for way in table["acquisition"].to_pylist()]))
    assert boards.label_statement(plain, 42) == []


def test_the_figure_has_a_curve_for_each_training(made: tuple[Work, list[Event]]) -> None:
    found = curves(made[1])
    assert {name: len(runs) for name, runs in found.items()} == {
        "svm, margin-3": 2,
        "svm, random": 2,
        "coordinate_1nn, random": 1,
        "majority, random": 1,
    }
    assert [labels for labels, _ in found["svm, margin-3"][0]] == list(LABELS.plan(len(made[0].split.pool), 3))


def test_all_labels_known_leaves_no_cycle(tmp_path: Path) -> None:
    done = work(tmp_path, Training(scene()))
    with Journal(tmp_path / "refits.jsonl") as refits:
        refit_config(done, refits, SVM, 1, tmp_path)
        assert not of(Cycle, refits.events)
        assert {e.labels_train for e in of(Refit, refits.events)} == {len(done.split.pool)}
        assert {e.acquisition for e in of(Refit, refits.events)} == {None}

"""A training that asks for its labels: each cycle scored once and journalled, labels counted, the control paired."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from hsiauto import leaderboard as boards
from hsiauto.config import RunConfig
from hsiauto.metrics import Scores
from hsiauto.models.bundle import save_files
from hsiauto.refit import MODEL_FOLDER, Work, refit_config
from hsiauto.refit.scoring import Target, learning_curve, outcome
from hsiauto.report.labels_figure import curves
from hsiauto.search.journal import Event, Journal
from hsiauto.search.workers.jobs import Job, JobResult
from hsiauto.search.workers.pool import JobWorker
from hsiauto.split import overlap
from hsiauto.split.seal import SealedTest, TrialData
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


def of(events: Sequence[Event], kind: str) -> list[Event]:
    return [event for event in events if event["event"] == kind]


def test_every_row_counts_its_labels(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    refits = of(events, "refit")
    assert Counter((e["family"], e["kind"], e["rank"], e["acquisition"]) for e in refits) == {
        ("svm", "refit", 1, "margin-3"): 2,
        ("svm", "baseline", None, "random"): 2,
        ("coordinate_1nn", "baseline", None, "random"): 1,
        ("majority", "baseline", None, "random"): 1,
    }
    assert {e["labels_train"] for e in refits} == {24}, "references stand beside it on as many labels"
    assert len({e["key"] for e in refits}) == len(refits)
    trainings = len(LABELS.plan(len(done.split.pool), 3))
    assert {(e["epochs"], e["max_epochs"]) for e in refits} == {(10 * trainings, 10 * trainings)}


def test_cycles_lead_to_the_row(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    plan = LABELS.plan(len(done.split.pool), 3)
    for refit in of(events, "refit"):
        cycles = [e for e in of(events, "cycle") if e["key"] == refit["key"]]
        assert tuple(e["labels"] for e in cycles) == plan
        assert [e["cycle"] for e in cycles] == list(range(len(plan)))
        assert all(cycles[-1][name] == refit[name] for name in ("test_oa", "test_aa", "test_kappa"))
        assert all(0 <= e["test_oa"] <= 1 for e in cycles)
        asked = np.concatenate([e["acquired"] for e in cycles])
        assert not np.intersect1d(asked, done.split.test).size
        assert len(np.unique(asked)) == refit["labels_train"]


def test_the_control_starts_where_the_choice_starts(made: tuple[Work, list[Event]]) -> None:
    first = {e["key"]: e for e in of(made[1], "cycle") if e["cycle"] == 0}
    for seed in (0, 1):
        chosen, random = (next(first[k] for k in first if f"svm-{SVM.hash()}/{way}/seed-{seed}" in k) for way in WAYS)
        assert (chosen["acquired"], chosen["test_oa"]) == (random["acquired"], random["test_oa"])


def test_overlap_counts_the_pixels_that_were_asked_for(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    for refit in of(events, "refit"):
        assert refit["overlap_contains"] <= overlap(done.split, refit["support"]).contains
    target = Target.of(done, 0)
    job = Job("k", SVM, "split-0", 0, 1, predict=done.split.test, labels=LABELS)
    [result] = done.run_jobs([job], {"split-0": target.data}, done.run_config)
    few = outcome(done.scene, target, SVM.model_copy(update={"features": "multiscale", "sigma": 0.25}), "k", result)
    assert few["overlap_contains"] < overlap(done.split, 1).contains


def test_a_cycle_meets_the_test_labels_once(made: tuple[Work, list[Event]]) -> None:
    done, _ = made
    target = Target.of(done, 0)
    job = Job("k", SVM, "split-0", 0, 1, predict=done.split.test, labels=LABELS)
    [result] = done.run_jobs([job], {"split-0": target.data}, done.run_config)
    final = outcome(done.scene, target, SVM, "k", result)
    assert len(learning_curve(target, "k", result, final)) == len(result.cycles)
    with pytest.raises(RuntimeError, match="scored once"):
        learning_curve(target, "k", result, final)


@pytest.mark.parametrize("last_kept", [0, 1, 2])
def test_a_driver_killed_before_the_refit_event_scores_no_cycle_again(
    made: tuple[Work, list[Event]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_kept: int
) -> None:
    """last_kept: cycle of the winner's first training after which the journal ends; 2 is the last one."""
    plan = LABELS.plan(len(made[0].split.pool), 3)
    key = next(e["key"] for e in of(made[1], "cycle") if "margin" in e["key"])
    lost = [e for e in made[1] if e.get("key") == key and (e["event"] != "cycle" or e["cycle"] > last_kept)]
    whole = [e for e in made[1] if e["event"] in ("cycle", "refit")]
    path, scored = tmp_path / "refits.jsonl", list[str]()
    with Journal(path) as refits:
        for event in whole:
            if event not in lost:
                refits.append(**event)
    score = SealedTest.score

    def watched(self: SealedTest, name: str, predicted: np.ndarray) -> Scores:
        scored.append(name)
        return score(self, name, predicted)

    monkeypatch.setattr(SealedTest, "score", watched)
    done = work(tmp_path, Training(scene()), labels=LABELS, random_control=True)
    with Journal(path) as refits:
        refit_config(done, refits, SVM, 2, tmp_path)
        again = refits.events
    assert len(scored) == len(plan) - 1 - last_kept == 2 - last_kept
    assert [e["cycle"] for e in of(again, "cycle") if e["key"] == key] == list(range(len(plan)))
    [before], [after] = ([e for e in of(events, "refit") if e["key"] == key] for events in (made[1], again))
    for name in ("test_oa", "test_aa", "test_kappa", "test_per_class", "labels_train", "state"):
        assert after[name] == before[name]


def test_the_table_says_how_and_how_many(made: tuple[Work, list[Event]]) -> None:
    done, events = made
    context = boards.Context("run", "fabricated", done.run_config, done.split, done.scene.n_bands)
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
        way: [e["test_oa"] for e in of(events, "refit") if e["family"] == "svm" and e["acquisition"] == way]
        for way in WAYS
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
        assert not of(refits.events, "cycle")
        assert {e["labels_train"] for e in of(refits.events, "refit")} == {len(done.split.pool)}
        assert {e["acquisition"] for e in of(refits.events, "refit")} == {None}

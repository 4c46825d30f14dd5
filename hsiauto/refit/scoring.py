"""Where a refit is trained and scored: a split with its sealed test. The only caller of `SealedTest.score`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from hsiauto.errors import UserError
from hsiauto.families import costs
from hsiauto.families.base import FamilyConfig
from hsiauto.families.references import Coordinate1NNConfig
from hsiauto.models.fitted.reference import fit_reference
from hsiauto.refit.by_distance import by_distance
from hsiauto.refit.plan import Training
from hsiauto.refit.work import Work
from hsiauto.search.events import Cycle, Refit, of
from hsiauto.search.events.refits import DistanceBin
from hsiauto.search.events.right import packed
from hsiauto.search.journal import Journal
from hsiauto.search.workers.jobs import JobResult
from hsiauto.split import Split, make_split, overlap
from hsiauto.split.distance import Distances
from hsiauto.split.model import Mask, Pixels
from hsiauto.split.seal import BinScore, SealedTest, TrialData, class_names, seal, training_data
from hsiauto.split.validation import require_two_classes
from hsiauto.training.active.learn import Cycle as TrainedCycle

_SCORES = ("test_oa", "test_aa", "test_kappa", "test_ece", "test_per_class", "confused", "right", "by_distance")


@dataclass(frozen=True)
class Target:
    """A split with its sealed test."""

    split: Split
    data: TrialData
    test: SealedTest
    class_names: tuple[str, ...]
    """Names of the split's classes, in their order."""
    valid: Mask
    """(H, W): what a map of the scene draws."""

    @classmethod
    def of(cls, work: Work, split_seed: int, *, validates: bool = False) -> "Target":
        """The run's split, or that of another seed. Trains on the pool, or `validates` on its validation part.

        Raises UserError if no such split can be drawn, or its validation holds one class.
        """
        spec, split = work.split.spec, work.split
        if split_seed != spec.seed:
            if not split.further_seeds(1):
                rule = "another split seed needs a protocol that draws its split"
                raise UserError(rule, spec.protocol, "Use blocks.")
            other = spec.model_copy(update={"seed": split_seed})
            split = make_split(work.scene.labels, other, groups=work.scene.groups, parts=work.scene.parts)
        data, test = seal(work.scene, split)
        names = class_names(work.scene, split)
        if validates:
            require_two_classes(data, names, split.spec)
        else:
            data = training_data(work.scene, split)
        return cls(split, data, test, names, work.scene.valid)

    def distances(self, trained_on: Pixels) -> Distances:
        """Of test and map from the pixels that a model was trained on."""
        return Distances.of(self.split, self.valid, trained_on)

    def by_distance(self, distances: Distances, scored: Sequence[BinScore] | None = None) -> tuple[DistanceBin, ...]:
        """`scored` by distance from training; empty if a whole scene tests, or loose spectra, which are at none."""
        return (
            () if self.split.held_out is not None or not self.split.spec.has_places else by_distance(distances, scored)
        )

    def scores(self, key: str, told: JobResult | TrainedCycle, distances: Distances) -> dict[str, Any]:
        """The test scores of what a model has `told`, by name. Raises RuntimeError if `key` was scored before.

        distances: from what trained the model.
        """
        assert told.predicted is not None
        scores = self.test.score(key, told.predicted, distances.test, told.confidence)
        per_class = dict(zip(self.class_names, scores.per_class.tolist(), strict=True))
        truth, called = np.nonzero(scores.confusion)
        pixels = scores.confusion[truth, called]
        confused = tuple(zip(truth.tolist(), called.tolist(), pixels.tolist(), strict=True))
        bins = self.by_distance(distances, scores.by_distance)
        values = (scores.oa, scores.aa, scores.kappa, scores.ece, per_class, confused, packed(scores.right), bins)
        return dict(zip(_SCORES, values, strict=True))


def record(
    work: Work, refits: Journal, training: Training, target: Target | None, result: JobResult, max_epochs: int
) -> None:
    """Journal what became of `training`: its `cycle` events, then its `refit` event. Each is scored once.

    `target` None: its split could not be drawn. Cycles that an earlier driver has journalled are not scored again.
    max_epochs: epochs of each cycle.
    """
    trained, cycles = training.config, 1
    if target is not None:
        n_train = len(target.data.train_pixels)
        trained = trained.bounded(work.scene.n_bands, n_train)
        cycles = len(training.labels.plan(n_train, target.data.n_classes)) if training.labels else 1
    split = work.split if target is None else target.split
    parameters, macs = _sizes(trained, work.scene.n_bands, len(split.classes))
    known = {event.cycle: event for event in of(Cycle, refits.events) if event.key == training.key}
    results = {} if target is None else _results(target, trained, training.key, result, known)
    if target is not None:
        for cycle in _cycles(target, training, result, results, known):
            work.record(refits, cycle)
    event = Refit(
        key=training.key,
        kind=training.kind,
        trial_id=training.trial_id,
        rank=training.rank,
        cell=None if training.cell is None else dict(training.cell),
        family=training.config.family,
        input=training.config.reads,
        config=training.config.active(),
        config_hash=training.config.hash(),
        trained_config=None if trained == training.config else trained.active(),
        support=trained.support,
        parameters=parameters,
        macs=macs,
        seed=training.seed,
        split_seed=training.split_seed,
        max_epochs=max_epochs * cycles,
        acquisition=training.labels.name if training.labels else None,
        state=result.state,
        error=result.error,
        device=result.device,
        node=result.node,
        started_at=result.started_at,
        finished_at=result.finished_at,
        **results,
    )
    work.record(refits, event)


def _results(
    target: Target, config: FamilyConfig, key: str, result: JobResult, known: Mapping[int, Cycle]
) -> dict[str, Any]:
    """Fields of a `refit` event: what trained, its costs and, once a key, its scores."""
    trained_on = labelled(target, result.cycles)
    shares = overlap(replace(target.split, pool=trained_on), config.support)
    distances = target.distances(trained_on)
    held_out = target.split.held_out
    fields: dict[str, Any] = {
        "scene": None if held_out is None else held_out.scene,
        "split_hash": target.split.hash,
        "labels_train": len(trained_on),
        "labels_val": len(target.data.val_pixels),
        "pixels_test": len(target.split.test),
        "test_pixels_per_class": dict(zip(target.class_names, target.test.pixels_by_class, strict=True)),
        "classes_scored": len(target.split.classes),
        "overlap_contains": shares.contains,
        "overlap_shares": shares.shares,
        "by_distance": target.by_distance(distances),
        **distances.known,
    }
    if (report := result.report) is not None:
        copied = ["fit_seconds", "peak_memory_bytes"]
        if len(target.data.val_pixels):
            copied += ["val_oa", "val_aa", "val_kappa", "val_loss"]
            fields["val_losses"] = tuple(report.val_loss for report in result.reports)
        fields |= {"epochs": report.epoch, **{name: getattr(report, name) for name in copied}}
    if result.state == "completed" and result.predicted is not None:
        last = known.get(result.cycles[-1].number) if result.cycles else None
        if last is not None and last.test_per_class is not None:
            fields |= {name: getattr(last, name) for name in _SCORES}
        else:
            fields |= target.scores(key, result, distances)
        seconds, n = result.predict_seconds, len(result.predicted)
        fields["predict_pixels_per_second"] = n / seconds if seconds > 0 else None
    return fields


def _cycles(
    target: Target, training: Training, result: JobResult, results: Mapping[str, Any], known: Mapping[int, Cycle]
) -> list[Cycle]:
    """Accuracy against labels of a `training` that asked for them, `known` cycles left out; empty for any other.

    results: `_results` for its key. The last cycle's model is the job's, so its scores are taken from there.
    """
    key, events = training.key, []
    for i, cycle in enumerate(result.cycles):
        if cycle.number in known:
            continue
        scores: dict[str, Any] = {}
        if cycle.predicted is not None and cycle is result.cycles[-1]:
            scores = {name: results[name] for name in _SCORES}
        elif cycle.predicted is not None:
            distances = target.distances(labelled(target, result.cycles[: i + 1]))
            scores = target.scores(f"{key}/cycle-{cycle.number}", cycle, distances)
            for name in ("test_per_class", "confused", "right"):
                del scores[name]
        if training.config.kind != "reference":
            scores["canary_oa"] = _canary(target, f"{key}/cycle-{cycle.number}/canary", result.cycles[: i + 1])
        report = cycle.report
        events.append(
            Cycle(
                key=key,
                cycle=cycle.number,
                labels=cycle.labels,
                acquisition=cycle.acquisition,
                acquired=tuple(cycle.acquired.tolist()),
                acquire_seconds=cycle.acquire_seconds,
                epochs=report.epoch,
                fit_seconds=report.fit_seconds,
                train_loss=report.train_loss,
                val_oa=report.val_oa,
                val_aa=report.val_aa,
                val_kappa=report.val_kappa,
                **scores,
            )
        )
    return events


def labelled(target: Target, cycles: Sequence[TrainedCycle]) -> Pixels:
    """The pixels whose labels trained: all of the target's, or those that were asked for in `cycles`."""
    if not cycles:
        return target.data.train_pixels
    return np.sort(np.concatenate([cycle.acquired for cycle in cycles]))


def _canary(target: Target, key: str, cycles: Sequence[TrainedCycle]) -> float:
    """Test OA of `coordinate_1nn` on the labels that were asked for in `cycles`, scored as `key`."""
    data, asked = target.data, labelled(target, cycles)
    labels = data.train_labels[np.searchsorted(data.train_pixels, asked)]
    canary = fit_reference(Coordinate1NNConfig(), replace(data, train_pixels=asked, train_labels=labels))
    return target.test.score(key, canary.probabilities(data.cube, data.valid, target.split.test).argmax(axis=1)).oa


@cache
def _sizes(config: FamilyConfig, n_bands: int, n_classes: int) -> tuple[int | None, int | None]:
    return costs.parameters(config, n_bands, n_classes), costs.macs(config, n_bands, n_classes)

"""Where a refit is trained and scored: a split with its sealed test. The only caller of `SealedTest.score`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.refit.work import Work
from hsiauto.scene.model import Scene
from hsiauto.search.journal import Event
from hsiauto.search.workers.jobs import JobResult
from hsiauto.split import Split, make_split, overlap
from hsiauto.split.model import Pixels
from hsiauto.split.seal import SealedTest, TrialData, seal, training_data

_SCORES = ("test_oa", "test_aa", "test_kappa")
PER_CLASS = "test_per_class"

Known = Mapping[int, Event]
"""Cycle -> its event, of one training."""


@dataclass(frozen=True)
class Target:
    """A split with its sealed test."""

    split: Split
    data: TrialData
    test: SealedTest

    @classmethod
    def of(cls, work: Work, split_seed: int, *, validates: bool = False) -> "Target":
        """The study's split, or that of another seed. Trains on the pool, or `validates` on its validation part.

        Raises UserError where no such split can be drawn.
        """
        spec, split = work.split.spec, work.split
        if split_seed != spec.seed:
            if spec.protocol == "fixed":
                raise UserError("another split seed needs a protocol that draws its split", "fixed", "Use blocks.")
            split = make_split(work.scene.labels, spec.model_copy(update={"seed": split_seed}))
        data, test = seal(work.scene, split, work.run_config.transductive)
        return cls(split, data if validates else training_data(work.scene, split, work.run_config.transductive), test)


def scored_cycles(events: Iterable[Event], key: str) -> Known:
    """The cycles of `key` in a journal that ends before its `refit`: they are neither scored nor written again."""
    return {event["cycle"]: event for event in events if event["event"] == "cycle" and event["key"] == key}


def outcome(
    scene: Scene,
    target: Target,
    config: FamilyConfig,
    key: str,
    result: JobResult,
    known: Known = MappingProxyType({}),
) -> dict[str, Any]:
    """What became of training `config` on `target`, as fields of a `refit` event: state, costs and, once a key, scores.

    known: cycles of `key` in the journal; where its last one is there, the scores are taken from it.
    Raises RuntimeError where `key` was scored before.
    """
    trained_on = labelled(target, result)
    shares = overlap(replace(target.split, pool=trained_on), config.support)
    fields = ended(result) | {
        "split_hash": target.split.hash,
        "labels_train": len(trained_on),
        "labels_val": len(target.data.val_pixels),
        "pixels_test": len(target.split.test),
        "classes_scored": len(target.split.classes),
        "support": config.support,
        "overlap_contains": shares.contains,
        "overlap_shares": shares.shares,
    }
    if result.report is not None:
        fields |= {
            "epochs": result.report.epoch,
            "fit_seconds": result.report.fit_seconds,
            "peak_memory_bytes": result.report.peak_memory_bytes,
        }
    if result.state == "completed" and result.predicted is not None:
        last = known.get(result.cycles[-1].number, {}) if result.cycles else {}
        before = {name: last[name] for name in (*_SCORES, PER_CLASS) if name in last}
        fields |= before or _scored(scene, target, key, result.predicted)
        pace, n = result.predict_seconds, len(result.predicted)
        fields["predict_pixels_per_second"] = n / pace if pace > 0 else None
    return fields


def learning_curve(
    target: Target, key: str, result: JobResult, final: Mapping[str, Any], known: Known = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Accuracy against labels of an active training, as fields of `cycle` events; empty for any other.

    final: what `outcome` gave for `key`. The last cycle's model is the job's, so its scores are taken from there; each
    of the others is scored once. `known`: cycles in the journal, which are left out.
    Raises RuntimeError where one was scored before.
    """
    events = []
    for cycle in result.cycles:
        if cycle.number in known:
            continue
        if cycle.predicted is None:
            scored: dict[str, Any] = {}
        elif cycle is result.cycles[-1]:
            scored = {name: final[name] for name in (*_SCORES, PER_CLASS)}
        else:
            s = target.test.score(f"{key}/cycle-{cycle.number}", cycle.predicted)
            scored = dict(zip(_SCORES, (s.oa, s.aa, s.kappa), strict=True))
        report = cycle.report
        events.append(
            {
                "key": key,
                "cycle": cycle.number,
                "labels": cycle.labels,
                "acquisition": cycle.acquisition,
                "acquired": cycle.acquired.tolist(),
                "acquire_seconds": cycle.acquire_seconds,
                "epochs": report.epoch,
                "fit_seconds": report.fit_seconds,
                "train_loss": report.train_loss,
                "val_oa": report.val_oa,
                "val_aa": report.val_aa,
                "val_kappa": report.val_kappa,
                **scored,
            }
        )
    return events


def labelled(target: Target, result: JobResult) -> Pixels:
    """The pixels whose labels trained: all of the target's, or those that were asked for."""
    if not result.cycles:
        return target.data.train_pixels
    return np.sort(np.concatenate([cycle.acquired for cycle in result.cycles]))


def ended(result: JobResult) -> dict[str, Any]:
    """How and where a training ended, whatever it was trained on."""
    return {
        "state": result.state,
        "error": result.error,
        "device": result.device,
        "node": result.node,
        "started_at": result.started_at,
        "finished_at": result.finished_at,
    }


def _scored(scene: Scene, target: Target, key: str, predicted: npt.NDArray[np.int64]) -> dict[str, Any]:
    scores = target.test.score(key, predicted)
    names = [scene.class_names[k - 1] for k in target.split.classes]
    return {
        "test_oa": scores.oa,
        "test_aa": scores.aa,
        "test_kappa": scores.kappa,
        PER_CLASS: dict(zip(names, scores.per_class.tolist(), strict=True)),
    }

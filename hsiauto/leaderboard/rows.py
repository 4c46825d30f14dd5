"""Journals -> rows. A pure function: the same journals give the same table."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from hsiauto.config import RunConfig
from hsiauto.leaderboard.map_accuracy import distance_columns
from hsiauto.leaderboard.schema import PARAM, schema
from hsiauto.metrics import wilson
from hsiauto.scene.source import SIMULATED
from hsiauto.search.events import Event, Mapped, Opened, Placed, Ranked, Refit, of
from hsiauto.search.trials import TrialState, trials
from hsiauto.split import Split, overlap

Record = dict[str, Any]

_VALIDATION = ("val_oa", "val_aa", "val_kappa", "val_loss")
_COPIED = (
    *("split_seed", "state", "seed", "max_epochs", "epochs", *_VALIDATION, "fit_seconds", "peak_memory_bytes"),
    *("test_oa", "test_aa", "test_kappa", "test_ece", "split_hash", "labels_train", "labels_val", "pixels_test"),
    *("classes_scored", "overlap_contains", "overlap_shares", "predict_pixels_per_second", "parameters", "macs"),
    *("scene", "test_distance_min", "test_distance_max", "map_distance_median"),
)
_WORDS = ("acquisition", "error", "device", "node", "started_at", "finished_at")
"""Columns of a `refit` event: as they are, and null if empty."""


@dataclass(frozen=True)
class Context:
    """What the journals do not hold."""

    run_id: str
    dataset: str
    """The scene's name with its variant."""
    run_config: RunConfig
    split: Split


def rows(journal_events: Sequence[Event], refit_events: Sequence[Event], context: Context) -> pa.Table:
    """One row per started trial, then one per refit and baseline training, as far as the journals go.

    A refit that was done in a later run stands for the one that an earlier run skipped. Columns: `schema.COLUMNS`.
    """
    provenance = _provenance(journal_events)
    states = trials(journal_events)
    placed, seen = _placed(journal_events)
    ranks = {one.trial_id: rank for rank, one in enumerate(placed, start=1)}
    latest = {event.key: event for event in of(Refit, refit_events)}
    spec = context.split.spec
    squares = spec.squares if spec.keeps_apart else None
    shared: Record = {
        "run_id": context.run_id,
        "dataset": context.dataset,
        "objective": context.run_config.objective,
        "protocol": spec.protocol,
        "block_size": (squares and squares.block_size) or None,
        "buffer": squares and squares.buffer,
        "versions": json.dumps(provenance.get("versions", {})),
    }
    shares = cache(lambda support: overlap(context.split, support))
    started = [trial for trial in states.values() if trial.attempt > 0 or trial.ended]
    on_front = _pareto(started, context.run_config)
    records = [
        shared | _trial(trial, ranks.get(trial.trial_id), on_front.get(trial.trial_id), context, shares)
        for trial in started
    ]
    chosen = {one.config_hash: (one, rank) for rank, one in enumerate(placed, start=1)}
    home = home_split([event.split_seed for event in latest.values()], spec.seed)
    refits = [shared | _refit(event, chosen, home, context) for event in latest.values()]
    mapped = {event.config_hash: {"map_share_applicable": event.share_applicable} for event in of(Mapped, refit_events)}
    records += [
        row | _further(refits, context, home) | mapped.get(str(row["config_hash"]), {}) if row["rank"] == 1 else row
        for row in refits
    ]
    on_folds = {rank: _on_folds(one) | {"classes_validated": seen} for rank, one in enumerate(placed, start=1)}
    records = [row | on_folds.get(row["rank"], {}) for row in records]
    metadata = {
        f"hsiauto.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in provenance.items()
    }
    records = [{name: _known(value) for name, value in record.items()} for record in records]
    return pa.Table.from_pylist(records, schema=schema(records, metadata))


def home_split(split_seeds: Sequence[int], of_run: int) -> int:
    """The split that ranks are shown on: the run's, or in a table of another split that one."""
    return of_run if of_run in split_seeds or not split_seeds else split_seeds[0]


def _provenance(events: Iterable[Event]) -> Record:
    """What the first event says of the run, without folders: a table is handed on, and nobody else has them."""
    opened = next(iter(of(Opened, events)), None)
    if opened is None:
        return {}
    said = opened.model_dump(exclude={"event", "at", "schema_version", "study"})
    said["config"] = _without_folders(said["config"])
    said["config"]["scene"]["data_dir"] = None
    return said


def _without_folders(value: Any) -> Any:
    """`value` of a config, in which each path is its last name."""
    if isinstance(value, dict):
        return {name: _without_folders(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(one) for one in value]
    prefix = SIMULATED if isinstance(value, str) and value.startswith(SIMULATED) else ""
    path = Path(value.removeprefix(prefix)) if isinstance(value, str) else value
    return f"{prefix}{path.name}" if isinstance(path, Path) and path.is_absolute() else value


def _placed(events: Iterable[Event]) -> tuple[tuple[Placed, ...], int | None]:
    """The last order, as an extended search is ranked anew, and the classes that its folds could see."""
    ranked = of(Ranked, events)
    return (ranked[-1].order, ranked[-1].classes_validated) if ranked else ((), None)


def _trial(trial: TrialState, rank: int | None, on_front: bool | None, context: Context, shares: Any) -> Record:
    last = trial.reports[-1] if trial.reports else None
    overlaps = shares(trial.support)
    return {
        **_of_config(trial, trial.config),
        "kind": "trial",
        "split_seed": context.split.spec.seed,
        "scene": context.split.held_out and context.split.held_out.scene,
        "trial_id": trial.trial_id,
        "origin": trial.origin,
        "found_by": trial.found_by or None,
        "state": trial.state,
        "error": trial.errors or None,
        "rank": rank,
        "epochs": trial.epochs,
        "max_epochs": context.run_config.max_epochs,
        "seed": context.run_config.seed,
        **{name: getattr(last, name, None) for name in (*_VALIDATION, "fit_seconds")},
        "peak_memory_bytes": trial.peak_memory_bytes or getattr(last, "peak_memory_bytes", None),
        "split_hash": context.split.hash,
        "overlap_contains": overlaps.contains,
        "overlap_shares": overlaps.shares,
        "classes_scored": len(context.split.classes),
        "pareto": on_front,
        "attempt": trial.attempt,
        "labels_train": len(context.split.train),
        "labels_val": len(context.split.val),
        "pixels_test": len(context.split.test),
        "parameters": trial.parameters,
        "macs": trial.macs,
        "predict_pixels_per_second": trial.pixels_per_second,
        "device": trial.device or None,
        "node": trial.node or None,
        "started_at": trial.started_at or None,
        "finished_at": trial.finished_at or None,
    }


def _refit(
    event: Refit,
    chosen: Mapping[str, tuple[Placed, int]],
    home: int,
    context: Context,
) -> Record:
    """`chosen`: config hash -> place and rank; empty for a training without a search, which carries its own rank."""
    kind, (source, rank) = event.kind, chosen.get(event.config_hash, (event, None))
    if rank is not None:
        kind = "refit"  # a baseline that an extended search has ranked since
    elif not chosen:
        rank = event.rank
    recalls, n_test = event.test_per_class, event.test_pixels_per_class
    oa = wilson(math.nan if event.test_oa is None else event.test_oa, event.pixels_test or 0)
    return {
        **_of_config(event, event.trained_config or event.config),
        **{name: getattr(event, name) for name in _COPIED},
        **{name: getattr(event, name) or None for name in _WORDS},
        "kind": kind,
        "trial_id": source.trial_id,
        "cell": None if event.cell is None else json.dumps(event.cell),
        "rank": rank if event.split_seed == home else None,
        "test_oa_low": oa.low,
        "test_oa_high": oa.high,
        "test_pixels_per_class": None if n_test is None else json.dumps(n_test),
        "test_per_class": None if recalls is None else json.dumps({k: _known(v) for k, v in recalls.items()}),
        **distance_columns(event),
    }


def _of_config(trained: TrialState | Refit, config: Mapping[str, Any]) -> Record:
    """`config`: as trained."""
    params = {
        f"{PARAM}{trained.family}.{name}": value if isinstance(value, bool | int | float | str) else json.dumps(value)
        for name, value in config.items()
        if name != "family"
    }
    return {
        "family": trained.family,
        "config": json.dumps(config),
        "config_hash": trained.config_hash,
        "support": trained.support,
        "transductive": _transductive(config),
        **params,
    }


def _transductive(config: Mapping[str, Any]) -> bool:
    """Whether a training of `config`, or of a member of it, sees unlabelled ground: `FamilyConfig.transductive`."""
    parts = config.get("members", [config])
    return any("scene" in (part.get("fitted_on"), part.get("context")) for part in parts)


def _known(value: Any) -> Any:
    """A cell of the table: null for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _further(refits: Iterable[Record], context: Context, home: int) -> Record:
    """The winner over the study's further splits, and over scenes held out in turn, with its first seed."""
    refits, run_config = list(refits), context.run_config
    winner = next(row["config_hash"] for row in refits if row["rank"] == 1)
    of_winner = [r for r in refits if (r["config_hash"], r["seed"]) == (winner, run_config.seed)]
    oa = {row["split_seed"]: row["test_oa"] for row in of_winner if row["test_oa"] is not None}
    further = context.split.further_seeds(run_config.further_splits)
    told = _spread("further_splits_oa", [oa[seed] for seed in further if seed != home and seed in oa])
    if context.split.held_out is not None:
        told |= _spread("scenes_oa", [oa[s] for s in (context.split.spec.seed, *further) if s in oa])
    return told


def _spread(name: str, values: Sequence[float]) -> Record:
    return {
        f"{name}_mean": statistics.fmean(values) if values else None,
        f"{name}_std": statistics.stdev(values) if len(values) > 1 else None,
        f"{name}_n": len(values),
    }


def _on_folds(placed: Placed) -> Record:
    told = _spread("val_folds", [score for score in placed.on_folds if math.isfinite(score)])
    return told | {"val_folds_ece": placed.ece}


def _pareto(started: Iterable[TrialState], run_config: RunConfig) -> dict[str, bool]:
    """Trial id -> whether it is on the front of both objectives, among completed trials that have a value for each."""
    second = run_config.second_objective or "parameters"
    points: dict[str, tuple[float, float]] = {}
    for trial in started:
        cost, score = getattr(trial, second), trial.score(run_config.objective)
        if trial.state == "completed" and cost and math.isfinite(score):
            points[trial.trial_id] = (-cost if second == "pixels_per_second" else cost, score)
    front: dict[str, bool] = {}
    best_cheaper, best_same, last = -math.inf, -math.inf, -math.inf
    for trial_id, (cost, score) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if cost != last:
            best_cheaper, best_same, last = max(best_cheaper, best_same), score, cost
        front[trial_id] = score > best_cheaper and score == best_same
    return front

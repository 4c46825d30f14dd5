"""Journals -> rows. A pure function: the same journals give the same table."""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa

from hsiauto.config import RunConfig
from hsiauto.families import config_from, costs
from hsiauto.families.base import FamilyConfig
from hsiauto.leaderboard.schema import PARAM, schema
from hsiauto.search.journal import Event, TrialState, trials
from hsiauto.split import Overlap, Split, overlap

Record = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What the journals do not hold."""

    run_id: str
    dataset: str
    """The scene's name with its variant."""
    run_config: RunConfig
    split: Split
    n_bands: int


def rows(journal_events: Sequence[Event], refit_events: Sequence[Event], context: Context) -> pa.Table:
    """One row per started trial, then one per refit and baseline training, as far as the journals go.

    A refit that was done in a later run stands for the one that an earlier run skipped. Columns: `schema.COLUMNS`.
    """
    provenance = _provenance(journal_events)
    states = trials(journal_events)
    ranks = _ranks(journal_events)
    latest = {event["key"]: event for event in refit_events if event["event"] == "refit"}
    spec = context.split.spec
    in_blocks = spec.protocol == "blocks"
    shared = {
        "run_id": context.run_id,
        "dataset": context.dataset,
        "objective": context.run_config.objective,
        "protocol": spec.protocol,
        "block_size": spec.block_size if in_blocks else None,
        "buffer": spec.buffer if in_blocks else None,
        "versions": json.dumps(provenance.get("versions", {})),
    }
    shares = cache(lambda support: overlap(context.split, support))
    started = [trial for trial in states.values() if trial.attempt > 0 or trial.ended]
    on_front = _pareto(started, context.run_config)
    records = [
        shared | _trial(trial, ranks.get(trial.trial_id), on_front.get(trial.trial_id), context, shares)
        for trial in started
    ]
    chosen = {states[trial_id].config_hash: (trial_id, rank) for trial_id, rank in ranks.items()}
    home = home_split([event["split_seed"] for event in latest.values()], spec.seed)
    refits = [shared | _refit(event, states, chosen, home, context) for event in latest.values()]
    records += [row | _further(refits, context.run_config, home) if row["rank"] == 1 else row for row in refits]
    fresh = _fresh(journal_events, context.run_config.objective)
    records = [row | fresh.get(str(row["trial_id"]), {}) if row["rank"] is not None else row for row in records]
    metadata = {
        f"hsiauto.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in provenance.items()
    }
    return pa.Table.from_pylist(records, schema=schema(records, metadata))


def home_split(split_seeds: Sequence[int], of_run: int) -> int:
    """The split that ranks are shown on: the study's, or in a table of another split that one."""
    return of_run if of_run in split_seeds or not split_seeds else split_seeds[0]


def _provenance(events: Iterable[Event]) -> Record:
    """study, versions, git commit and split hash, as the first event tells them. Without the folder of the data: a
    table is handed on, and nobody else has that folder."""
    first = next((event for event in events if event["event"] == "opened"), {})
    said = {key: value for key, value in first.items() if key not in ("event", "at", "not_finite")}
    if "scene" in (run_config := said.get("config", {})):
        said["config"] = run_config | {"scene": run_config["scene"] | {"data_dir": None}}
    return said


def _ranks(events: Iterable[Event]) -> dict[str, int]:
    """Trial id -> rank, in the last order: an extended search is ranked anew."""
    orders: list[list[str]] = [event["order"] for event in events if event["event"] == "ranked"]
    return {trial_id: rank for rank, trial_id in enumerate(orders[-1] if orders else [], start=1)}


def _trial(trial: TrialState, rank: int | None, on_front: bool | None, context: Context, shares: Any) -> Record:
    config = config_from(trial.config)
    last = trial.reports[-1] if trial.reports else {}
    overlaps: Overlap = shares(config.support)
    return {
        **_of_config(config, context.run_config),
        "kind": "trial",
        "split_seed": context.split.spec.seed,
        "trial_id": trial.trial_id,
        "origin": trial.origin,
        "found_by": trial.found_by or None,
        "state": trial.state,
        "error": trial.errors or None,
        "rank": rank,
        "epochs": trial.epochs,
        "max_epochs": context.run_config.max_epochs,
        "seed": context.run_config.seed,
        **{name: last.get(name) for name in ("val_oa", "val_aa", "val_kappa", "val_loss")},
        "fit_seconds": last.get("fit_seconds"),
        "peak_memory_bytes": trial.peak_memory_bytes or last.get("peak_memory_bytes"),
        "split_hash": context.split.hash,
        "overlap_contains": overlaps.contains,
        "overlap_shares": overlaps.shares,
        "classes_scored": len(context.split.classes),
        "pareto": on_front,
        "attempt": trial.attempt,
        "labels_train": len(context.split.train),
        "labels_val": len(context.split.val),
        "pixels_test": len(context.split.test),
        **_size_of(trial),
        "predict_pixels_per_second": trial.pixels_per_second,
        "device": trial.device or None,
        "node": trial.node or None,
        "started_at": trial.started_at or None,
        "finished_at": trial.finished_at or None,
    }


def _refit(
    event: Event,
    states: Mapping[str, TrialState],
    chosen: Mapping[str, tuple[str, int]],
    home: int,
    context: Context,
) -> Record:
    """`chosen`: config hash -> trial and rank; empty for a training without a search, which carries its own rank."""
    config = config_from(event.get("trained_config") or event["config"])
    kind, (trial_id, rank) = event["kind"], chosen.get(event["config_hash"], (event["trial_id"], None))
    if rank is not None:
        kind = "refit"  # a baseline that an extended search has ranked since
    elif not chosen:
        rank = event["rank"]
    trial, per_class = states.get(trial_id or ""), event.get("test_per_class")
    if trial is not None and "trained_config" not in event:
        size = _size_of(trial)
    else:
        size = _size(config, context.n_bands, event.get("classes_scored") or len(context.split.classes))
    copied = (
        "split_seed state seed max_epochs epochs val_oa val_aa val_kappa val_loss "
        "fit_seconds peak_memory_bytes test_oa test_aa test_kappa split_hash "
        "labels_train pixels_test classes_scored overlap_contains overlap_shares predict_pixels_per_second"
    )
    return {
        **_of_config(config, context.run_config),
        **{name: event.get(name) for name in copied.split()},
        **{
            name: event.get(name) or None
            for name in ("acquisition", "error", "device", "node", "started_at", "finished_at")
        },
        **size,
        "kind": kind,
        "trial_id": trial_id,
        "config_hash": event["config_hash"],
        "cell": json.dumps(event["cell"]) if event.get("cell") is not None else None,
        "rank": rank if event["split_seed"] == home else None,
        "labels_val": event.get("labels_val", 0 if "labels_train" in event else None),  # older journals lack it
        "test_per_class": None if per_class is None else json.dumps(per_class),
    }


def _of_config(config: FamilyConfig, run_config: RunConfig) -> Record:
    active = config.active()
    axes = {
        f"{PARAM}{config.family}.{axis}": value if isinstance(value, bool | int | float | str) else json.dumps(value)
        for axis, value in active.items()
        if axis != "family"
    }
    return {
        "family": config.family,
        "config": json.dumps(active),
        "config_hash": config.hash(),
        "support": config.support,
        "transductive": run_config.transductive and config.input == "tile",
        **axes,
    }


def _size_of(trial: TrialState) -> Record:
    return {"parameters": trial.parameters or None, "macs": trial.macs}  # older journals have 0 for no network


def _size(config: FamilyConfig, n_bands: int, n_classes: int) -> Record:
    return {
        "parameters": costs.parameters(config, n_bands, n_classes),
        "macs": costs.macs(config, n_bands, n_classes),
    }


def _further(refits: Iterable[Record], run_config: RunConfig, home: int) -> Record:
    """The winner over the study's further splits, with its first seed."""
    refits = list(refits)
    winner = next(row["config_hash"] for row in refits if row["rank"] == 1)
    splits = {run_config.split.seed + 1 + i for i in range(run_config.further_splits)} - {home}
    of_winner = [
        r for r in refits if (r["config_hash"], r["seed"]) == (winner, run_config.seed) and r["split_seed"] in splits
    ]
    oa = [row["test_oa"] for row in of_winner if row["test_oa"] is not None]
    return {
        "further_splits_oa_mean": statistics.fmean(oa) if oa else None,
        "further_splits_oa_std": statistics.stdev(oa) if len(oa) > 1 else None,
        "further_splits_oa_n": len(oa),
    }


def _fresh(events: Iterable[Event], objective: str) -> dict[str, Record]:
    """Trial id -> its mean objective over the fresh validations that it completed."""
    scores: dict[str, dict[int, float]] = {}
    for event in events:
        if event["event"] == "reevaluated" and event["state"] == "completed":
            score = event[f"val_{objective}"]
            if score is not None:
                scores.setdefault(event["trial_id"], {})[event["split_seed"]] = score
    return {
        trial_id: {"fresh_val_mean": statistics.fmean(of_trial.values()), "fresh_val_n": len(of_trial)}
        for trial_id, of_trial in scores.items()
    }


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

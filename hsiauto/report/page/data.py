"""What stands on the page of a run: a function of its journals, its leaderboard and its map.

A value is what JSON has; a number that is not finite is null. The page adds nothing but its looks.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hsiauto.config import RunConfig
from hsiauto.leaderboard import SummaryRow, distance_statement, summary, table_warnings, winner_statement
from hsiauto.leaderboard.storage import object_in
from hsiauto.leaderboard.summary import CANARY, own_split
from hsiauto.metrics import wilson
from hsiauto.report import distance_figure, labels_figure
from hsiauto.report.page.advice import advice
from hsiauto.report.page.importance import importance
from hsiauto.report.page.scene_map import SceneMap
from hsiauto.report.palette import class_colours
from hsiauto.search.events import Event, Opened, Refit, of
from hsiauto.search.learning_curves import curve
from hsiauto.search.trials import TrialState, trials
from hsiauto.search.warnings import standing_warnings
from hsiauto.split.distance import BINS

Json = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A run, as far as it went."""

    folder: Path
    run_config: RunConfig
    journal: Sequence[Event]
    refits: Sequence[Event]
    table: pa.Table
    scene_map: SceneMap | None
    run_yaml: str
    """Empty if the run's folder was removed meanwhile."""


def page_data(source: Source) -> Json:
    """Everything that the page shows, as JSON has it."""
    opened = next(iter(of(Opened, source.journal)))
    found = trials(source.journal)
    lines = summary(source.table)
    configs = dict(zip(*(source.table[name].to_pylist() for name in ("config_hash", "config")), strict=True))
    data = {
        "name": source.folder.resolve().name,
        "scene": opened.scene,
        "objective": source.run_config.objective,
        "words": {
            "statements": winner_statement(source.table),
            "warnings": list(dict.fromkeys((*standing_warnings(source.journal), *table_warnings(source.table)))),
            "notes": list(opened.notes),
            "advice": advice(source.table, list(found.values()), source.run_config.objective, source.folder),
        },
        "board": [_line(line, configs, found) for line in lines],
        "trials": _trials(list(found.values()), source.run_config.objective),
        "rungs": _rungs(source.run_config),
        "importance": importance(list(found.values()), source.run_config.objective),
        "distance": _distance(source.table),
        "labels": _labels(source.refits),
        "classes": _classes(opened.class_names, source),
        "map": source.scene_map and {**source.scene_map.layers(), "legend": _legend(source.scene_map)},
        "reproduce": {
            "command": f"hsiauto {source.run_config.command} --config run.yaml",
            "run.yaml": source.run_yaml,
            "commit": opened.git_commit,
            "versions": opened.versions,
            "data sha256": opened.data_hash,
            "split": opened.split_hash,
        },
    }
    said: Json = finite(data)
    return said


def search_data(journal: Sequence[Event], run_config: RunConfig) -> Json:
    """What is drawn of a search while it goes on, and in `line` how many lines of the journal told it."""
    objective = run_config.objective
    drawn = ("id", "family", "state", "epochs", "scores", "spent")
    return {
        "objective": objective,
        "trials": [{name: row[name] for name in drawn} for row in _trials(list(trials(journal).values()), objective)],
        "rungs": _rungs(run_config),
        "line": len(journal),
    }


def _line(line: SummaryRow, configs: Mapping[str, str], found: Mapping[str, TrialState]) -> Json:
    """A row of the leaderboard: one config over its seeds. Accuracies are in %."""
    interval = line.test_oa_interval
    trial = found.get(line.trial_id or "")
    return {
        "rank": line.rank,
        "family": line.family,
        "kind": line.kind,
        "reference": line.family in labels_figure.REFERENCES,
        "n": line.n_seeds,
        "test_oa": 100 * line.test_oa.mean,
        "test_oa_std": 100 * line.test_oa.std,
        "test_oa_low": 100 * interval.low,
        "test_oa_high": 100 * interval.high,
        "test_aa": 100 * line.test_aa.mean,
        "test_kappa": 100 * line.test_kappa.mean,
        "test_ece": 100 * line.test_ece.mean,
        "val": 100 * line.val_folds_mean,
        "parameters": line.parameters,
        "macs": trial.macs if trial else None,
        "fit_seconds": line.fit_seconds,
        "pixels_per_second": line.predict_pixels_per_second,
        "support": line.support,
        "overlap": 100 * line.overlap_contains,
        "note": line.note,
        "config": object_in(configs[line.config_hash], "config"),
    }


def _trials(found: Sequence[TrialState], objective: str) -> list[Json]:
    spent, said = 0.0, []
    for trial in found:
        spent += trial.fit_seconds
        scores = curve(trial, objective)
        said.append(
            {
                "id": trial.trial_id,
                "family": trial.family,
                "state": trial.state,
                "origin": trial.origin,
                "epochs": list(scores),
                "scores": [round(100 * score, 3) for score in scores.values()],
                "spent": round(spent, 3),
                "parameters": trial.parameters,
                "params": {name.partition(".")[2]: value for name, value in trial.params.items()},
                "error": trial.errors,
            }
        )
    return said


def _rungs(run_config: RunConfig) -> list[int]:
    """Epochs at which trials are compared."""
    rungs, rung = [], run_config.grace_epochs
    while run_config.scheduler == "asha" and rung < run_config.max_epochs:
        rungs.append(rung)
        rung *= run_config.reduction
    return rungs


_PLACES = (2, 6, 12, 24, 48)
"""Where each of `BINS` is drawn on the axis of distances, in pixels."""


def _distance(table: pa.Table) -> Json | None:
    """Accuracy of winner and canary, and the pixels of the map, by distance from training; None if not scored."""
    winner, canary = distance_figure.winner_and_canary(table)
    if not winner:
        return None
    on_map = distance_figure.counts(winner[0], "map_pixels_by_distance")
    return {
        "words": [f"{distance_statement(table)}."],
        "curves": [
            {"name": name, "points": _points(distance_figure.curve(rows))}
            for name, rows in ((f"winner: {winner[0]['family']}", winner), (f"canary: {CANARY}", canary))
            if rows
        ],
        "map": [[f"{name} pixels", 100 * n / on_map.sum()] for name, n in zip(BINS, on_map.tolist(), strict=True)],
    }


def _points(told: distance_figure.Curve) -> list[tuple[float, ...]]:
    """(place on the axis, OA, low, high) of each bin that holds test pixels."""
    points = zip(_PLACES, *(ends.tolist() for ends in told), strict=True)
    return [point for point in points if math.isfinite(point[1])]


def _labels(refits: Sequence[Event]) -> list[Json]:
    """Test OA against labels of each config that asked for them, in %, and of its means."""
    groups = labels_figure.curves(refits)
    return [
        {"name": name, "runs": [_percent(run) for run in runs], "mean": _percent(labels_figure.mean(runs))}
        for name, runs in groups.items()
    ]


def _percent(run: labels_figure.Points) -> list[tuple[int, float]]:
    return [(labels, 100 * oa) for labels, oa in run]


def _classes(names: Sequence[str], source: Source) -> list[Json]:
    """Recall of the winner by class, the mean over its seeds, with the interval that the class's test pixels allow; and
    what its test pixels were called, over all seeds."""
    rows = [row for row in own_split(source.table.to_pylist()) if row["rank"] == 1 and row["test_per_class"]]
    if not rows:
        return []
    recalls = [object_in(row["test_per_class"], "test_per_class", float | None) for row in rows]
    pixels = object_in(rows[0]["test_pixels_per_class"], "test_pixels_per_class", int)
    confusion = np.zeros((len(names), len(names)), np.int64)
    for event in of(Refit, source.refits):
        if event.config_hash == rows[0]["config_hash"] and event.split_hash == rows[0]["split_hash"]:
            for truth, called, n in event.confused or ():
                confusion[truth, called] += n
    said = []
    for name, row in zip(names, confusion.tolist(), strict=True):
        known = [one[name] for one in recalls if one.get(name) is not None]
        mean = float(np.mean(known)) if known else math.nan
        interval = wilson(mean, pixels.get(name, 0))
        said.append(
            {
                "name": name,
                "pixels": pixels.get(name, 0),
                "recall": 100 * mean,
                "low": 100 * interval.low,
                "high": 100 * interval.high,
                "called": row,
            }
        )
    return said


def _legend(scene_map: SceneMap) -> list[Json]:
    """Name and colour of each class of the scene, in the order of the map's numbers."""
    names = [str(name) for name in scene_map.names]
    colours = class_colours(len(names))
    return [{"name": name, "colour": f"#{bytes(colour).hex()}"} for name, colour in zip(names, colours, strict=True)]


def finite(value: Any) -> Any:
    """`value` with null for every number that is not finite."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: finite(one) for key, one in value.items()}
        case list() | tuple():
            return [finite(one) for one in value]
    return value


def as_json(data: Json) -> str:
    """Strict JSON that may stand in a script element of HTML."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

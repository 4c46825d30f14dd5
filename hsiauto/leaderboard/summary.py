"""The leaderboard in a few lines: one per refitted config, and what may be said about the winner."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from scipy.special import stdtrit

from hsiauto.metrics import ROUNDING, Interval, wilson

Row = dict[str, Any]

CANARY = "coordinate_1nn"


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) over seeds; NaN if there are too few."""

    mean: float
    std: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the 95 % interval of the mean (Student's t); NaN for one value, and for values that do not vary."""
        if self.n < 2 or self.std < ROUNDING:
            return math.nan
        return float(stdtrit(self.n - 1, 0.975)) * self.std / math.sqrt(self.n)


@dataclass(frozen=True)
class SummaryRow:
    """One config on the run's own split, over its refit seeds."""

    rank: int | None
    kind: str
    family: str
    cell: str | None
    """JSON {axis: value} of an ablation's cell; None outside an ablation."""
    acquisition: str | None
    """How its labels were asked for; None: all of the pool are known."""
    labels_train: float
    """Mean over the seeds."""
    trial_id: str | None
    config_hash: str
    n_seeds: int
    """Seeds scored on test. 0: none was, and `note` says why."""
    pixels_test: int
    """Pixels that every seed is scored on; 0: none was."""
    test_oa: Spread
    test_aa: Spread
    test_kappa: Spread
    test_ece: Spread
    """How far its probabilities are from its accuracy: `metrics.calibration_error`."""
    val_oa: float
    """Validation score of the trial; NaN for a config that was no trial, as are the next two."""
    val_aa: float
    val_kappa: float
    val_folds_mean: float
    """Mean objective over `val_folds_n` further validation folds; NaN for a config that was not ranked."""
    val_folds_n: int
    parameters: int | None
    """None for a classical family."""
    fit_seconds: float
    """Mean over the refits."""
    predict_pixels_per_second: float
    support: int
    overlap_contains: float
    overlap_shares: float
    note: str

    @property
    def test_oa_interval(self) -> Interval:
        """What so many test pixels allow for the mean OA. Its seeds share them, so more seeds do not narrow it."""
        return wilson(self.test_oa.mean, self.pixels_test)


def summary(table: pa.Table) -> list[SummaryRow]:
    """A row per refitted config and baseline on the run's split: ranked ones first, then by mean test OA.

    Ranked rows keep the order that validation gave them; the others are compared with, never chosen from.
    """
    everything = table.to_pylist()
    own = own_split(everything)
    trials = {row["trial_id"]: row for row in everything if row["kind"] == "trial"}
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in own:
        groups.setdefault((row["kind"], row["config_hash"], row["cell"] or ""), []).append(row)
    lines = [_line(group, trials.get(group[0]["trial_id"])) for group in groups.values()]
    return sorted(lines, key=lambda line: (line.rank is None, line.rank or 0, -_or_zero(line.test_oa.mean)))


def own_split(everything: Sequence[Row]) -> list[Row]:
    """Refit and baseline rows on the split that the search was given."""
    refits = [row for row in everything if row["kind"] in ("refit", "baseline")]
    of_trials = next((row["split_seed"] for row in everything if row["kind"] == "trial"), None)
    seeds = [row["split_seed"] for row in refits]
    home = next(
        (row["split_seed"] for row in refits if row["rank"] is not None), of_trials if of_trials in seeds else None
    )
    return [row for row in refits if row["split_seed"] == home or home is None]


def held_out(everything: Sequence[Row]) -> list[Row]:
    """The winner's first training with each scene held out, the search's own first; empty unless scenes were."""
    winner = next((row for row in everything if row["kind"] == "refit" and row["rank"] == 1), None)
    if winner is None or winner["scene"] is None:
        return []
    same = [r for r in everything if r["config_hash"] == winner["config_hash"] and r["kind"] == "refit"]
    first = min(row["seed"] for row in same)
    found = [row for row in same if row["seed"] == first and row["test_oa"] is not None]
    return sorted(found, key=lambda row: row["split_seed"])


def _line(group: Sequence[Row], trial: Row | None) -> SummaryRow:
    first = group[0]
    scored = [row for row in group if row["test_oa"] is not None]
    notes = dict.fromkeys(f"{row['state']}: {row['error']}" for row in group if row["state"] != "completed")
    return SummaryRow(
        rank=first["rank"],
        kind=first["kind"],
        family=first["family"],
        cell=first["cell"],
        acquisition=first["acquisition"],
        labels_train=_spread([row["labels_train"] for row in scored]).mean,
        trial_id=first["trial_id"],
        config_hash=first["config_hash"],
        n_seeds=len(scored),
        pixels_test=(scored[0]["pixels_test"] or 0) if scored else 0,
        test_oa=_spread([row["test_oa"] for row in scored]),
        test_aa=_spread([row["test_aa"] for row in scored]),
        test_kappa=_spread([row["test_kappa"] for row in scored]),
        test_ece=_spread([row["test_ece"] for row in scored]),
        **{f"val_{name}": value(trial, f"val_{name}") for name in ("oa", "aa", "kappa")},
        val_folds_mean=value(first, "val_folds_mean"),
        val_folds_n=first["val_folds_n"] or 0,
        parameters=first["parameters"],
        fit_seconds=_spread([row["fit_seconds"] for row in scored]).mean,
        predict_pixels_per_second=_spread([row["predict_pixels_per_second"] for row in scored]).mean,
        support=first["support"],
        overlap_contains=value(first, "overlap_contains"),
        overlap_shares=value(first, "overlap_shares"),
        note="; ".join(notes),
    )


def _spread(values: Sequence[float | None]) -> Spread:
    known = [value for value in values if value is not None and not math.isnan(value)]
    mean = statistics.fmean(known) if known else math.nan
    return Spread(mean, statistics.stdev(known) if len(known) > 1 else math.nan, len(known))


def value(row: Row | None, name: str) -> float:
    value = row[name] if row else None
    return math.nan if value is None else float(value)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value

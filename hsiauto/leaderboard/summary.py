"""The leaderboard in a few lines: one per refitted config, and what may be said about the winner."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from scipy import stats

from hsiauto.metrics import ROUNDING, paired

Row = dict[str, Any]

CANARY = "coordinate_1nn"


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (n - 1) over seeds; NaN where there are too few."""

    mean: float
    std: float
    n: int

    @property
    def half_width(self) -> float:
        """Of the 95 % interval of the mean (Student's t); NaN for one value, and for values that do not vary."""
        if self.n < 2 or self.std < ROUNDING:
            return math.nan
        return float(stats.t.ppf(0.975, self.n - 1)) * self.std / math.sqrt(self.n)


@dataclass(frozen=True)
class SummaryRow:
    """One config on the study's own split, over its refit seeds."""

    rank: int | None
    kind: str
    family: str
    cell: str | None
    """Of a study, JSON {axis: value}; None outside studies."""
    acquisition: str | None
    """How its labels were asked for; None: all of the pool are known."""
    labels_train: float
    """Mean over the seeds."""
    trial_id: str | None
    config_hash: str
    n_seeds: int
    """Scored on test. 0: none was, and `note` says why."""
    test_oa: Spread
    test_aa: Spread
    test_kappa: Spread
    val_oa: float
    """Of the trial, on the search's validation; NaN for a config that was no trial. So are the next two."""
    val_aa: float
    val_kappa: float
    fresh_val_mean: float
    """Of the objective over `fresh_val_n` fresh validations; NaN for a config that was not ranked."""
    fresh_val_n: int
    parameters: int | None
    """None for a family that is no network."""
    fit_seconds: float
    """Mean of a refit."""
    predict_pixels_per_second: float
    support: int
    overlap_contains: float
    overlap_shares: float
    note: str


def summary(table: pa.Table) -> list[SummaryRow]:
    """A row per refitted config and baseline on the study's split: ranked ones first, then by mean test OA.

    Ranked rows keep the order that validation gave them; the others are compared with, never chosen from.
    """
    everything = table.to_pylist()
    own = _own_split(everything)
    trials = {row["trial_id"]: row for row in everything if row["kind"] == "trial"}
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in own:
        groups.setdefault((row["kind"], row["config_hash"], row["cell"] or ""), []).append(row)
    lines = [_line(group, trials.get(group[0]["trial_id"])) for group in groups.values()]
    return sorted(lines, key=lambda line: (line.rank is None, line.rank or 0, -_or_zero(line.test_oa.mean)))


def winner_statement(table: pa.Table) -> list[str]:
    """Sentences: the winner against the runner-up, over further splits, against the canary. Empty without a winner."""
    lines = summary(table)
    winner = next((line for line in lines if line.rank == 1 and line.n_seeds), None)
    if winner is None:
        return []
    oa = winner.test_oa
    said = [f"The winner is {winner.family}: test OA {_percent(oa)} over {_count(oa.n, 'seed')}."]
    runner_up = next((line for line in lines if line.rank is not None and line.rank > 1 and line.n_seeds), None)
    if runner_up is not None:
        said.append(_against(winner, runner_up, _own_split(table.to_pylist())))
    said += _further(table.to_pylist())
    canary = next((line for line in lines if line.family == CANARY and line.n_seeds), None)
    if canary is not None:
        said.append(_canary(winner, canary, table["protocol"][0].as_py()))
    return said


def _own_split(everything: Sequence[Row]) -> list[Row]:
    """Refit and baseline rows on the split that the search was given."""
    refits = [row for row in everything if row["kind"] in ("refit", "baseline")]
    of_trials = next((row["split_seed"] for row in everything if row["kind"] == "trial"), None)
    seeds = [row["split_seed"] for row in refits]
    home = next(
        (row["split_seed"] for row in refits if row["rank"] is not None), of_trials if of_trials in seeds else None
    )
    return [row for row in refits if row["split_seed"] == home or home is None]


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
        test_oa=_spread([row["test_oa"] for row in scored]),
        test_aa=_spread([row["test_aa"] for row in scored]),
        test_kappa=_spread([row["test_kappa"] for row in scored]),
        **{f"val_{name}": _value(trial, f"val_{name}") for name in ("oa", "aa", "kappa")},
        fresh_val_mean=_value(first, "fresh_val_mean"),
        fresh_val_n=first["fresh_val_n"] or 0,
        parameters=first["parameters"],
        fit_seconds=_spread([row["fit_seconds"] for row in scored]).mean,
        predict_pixels_per_second=_spread([row["predict_pixels_per_second"] for row in scored]).mean,
        support=first["support"],
        overlap_contains=_value(first, "overlap_contains"),
        overlap_shares=_value(first, "overlap_shares"),
        note="; ".join(notes),
    )


def _against(winner: SummaryRow, other: SummaryRow, rows: Sequence[Row]) -> str:
    """Paired over the seeds that both were trained with."""
    of = {line.config_hash: _by_seed(rows, line.config_hash) for line in (winner, other)}
    seeds = sorted(of[winner.config_hash].keys() & of[other.config_hash].keys())
    name = f"Against the runner-up, {other.family}"
    if not seeds:
        return f"{name}, no seed was trained with both."
    pair = paired([of[winner.config_hash][s] for s in seeds], [of[other.config_hash][s] for s in seeds])
    if pair.n == 1:
        return f"{name}: {_points(pair.mean)} points of OA on one seed, which says nothing about chance."
    if math.isnan(pair.p):
        constant = winner.test_oa.std < ROUNDING and other.test_oa.std < ROUNDING
        why = "neither depends on the seed" if constant else "both vary alike"
        return (
            f"{name}: {_points(pair.mean)} points of OA on each of {pair.n} seeds; {why}, so there is no interval: "
            "another split may turn it round."
        )
    verdict = "more than chance" if pair.low > 0 or pair.high < 0 else "within chance"
    return (
        f"{name}: {_points(pair.mean)} points of OA (95 % interval {_points(pair.low)} to {_points(pair.high)}, paired "
        f"over {pair.n} seeds, p = {pair.p:.2g}): {verdict} of training; another split may turn it round."
    )


def _further(everything: Sequence[Row]) -> list[str]:
    winner = next((row for row in everything if row["rank"] == 1 and row["further_splits_oa_n"]), None)
    if winner is None:
        return []
    n = winner["further_splits_oa_n"]
    spread = Spread(winner["further_splits_oa_mean"], _value(winner, "further_splits_oa_std"), n)
    return [f"On {_count(n, 'further split')} its config has test OA {_percent(spread)}."]


_INSTEAD = {
    "random": "Use --protocol blocks.",
    "blocks": "Use larger blocks or a wider buffer (--block-size, --buffer).",
    "fixed": "Use --protocol blocks, or maps whose training and test pixels lie further apart.",
}
"""Protocol -> what to do where positions alone are enough."""


def _canary(winner: SummaryRow, canary: SummaryRow, protocol: str) -> str:
    knows = "1-nearest-neighbour on row and column, which sees no spectrum,"
    reaches, half_width = f"reaches {100 * canary.test_oa.mean:.2f} %", winner.test_oa.half_width
    if math.isnan(half_width):  # no interval to compare with
        half_width, near = 0.0, f"the winner {100 * winner.test_oa.mean:.2f} %"
    else:
        near = "within the winner's interval or above it"
    if canary.test_oa.mean >= winner.test_oa.mean - half_width:
        return f"This split does not measure spectral skill: {knows} {reaches}, {near}. {_INSTEAD[protocol]}"
    return f"{knows[0].upper()}{knows[1:]} {reaches}."


def _by_seed(rows: Sequence[Row], config_hash: str) -> dict[int, float]:
    return {r["seed"]: r["test_oa"] for r in rows if r["config_hash"] == config_hash and r["test_oa"] is not None}


def _spread(values: Sequence[float | None]) -> Spread:
    known = [value for value in values if value is not None and not math.isnan(value)]
    mean = statistics.fmean(known) if known else math.nan
    return Spread(mean, statistics.stdev(known) if len(known) > 1 else math.nan, len(known))


def _value(row: Row | None, name: str) -> float:
    value = row[name] if row else None
    return math.nan if value is None else float(value)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _percent(spread: Spread) -> str:
    return (
        f"{100 * spread.mean:.2f} %"
        if math.isnan(spread.std)
        else f"{100 * spread.mean:.2f} +- {100 * spread.std:.2f} %"
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")

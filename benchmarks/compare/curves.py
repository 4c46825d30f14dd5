"""`python -m benchmarks.compare.curves TABLE`: all methods replayed on recorded learning curves, in virtual time.

Prints, for each budget and method, over the seeds: how far the chosen config stays below the best of the table, on
validation and in the test of its refit; and the share of the budget after which the mean best-so-far is where random
search ends. `--out FOLDER` keeps every outcome (Parquet) and draws the curves.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.compare import curves_figure
from benchmarks.compare.record import Record, held, store
from benchmarks.compare.recorded import Recorded
from benchmarks.compare.surrogate import METHODS, RIVAL_WITH_PRESETS, WORKERS, method
from benchmarks.compare.virtual_time import Clock, simulate

RANDOM = "random, no stopping"
WITHOUT_PRESETS = "ours, presets unknown"
"""Tells what of ours is owed to presets that were set by hand: of its rivals one alone starts with them."""


@dataclass(frozen=True)
class Replay(Record):
    """One method, one seed, on a table. `refit` and `refits` are test scores."""

    validation: float
    """Of the choice, at full fidelity."""
    validations: list[float]
    """Likewise, at `times`."""
    validation_regret: float
    """Below the best config of the table on validation,"""
    test_regret: float
    """and in test."""


def run(path: Path, name: str, budget_s: float, seed: int) -> Replay:
    judge, clock = Recorded.load(path), Clock()
    known = judge.for_method(presets=name != WITHOUT_PRESETS)
    chosen = method("ours" if name == WITHOUT_PRESETS else name, known, clock, budget_s, seed)
    outcome = simulate(judge, chosen, clock, workers=WORKERS, budget_s=budget_s, seed=seed)
    configs = [curve.config for curve in judge.curves.values()]
    return Replay.of(
        name,
        budget_s,
        seed,
        judge,
        outcome,
        validation=judge.last(outcome.choice),
        validations=[judge.last(config) for config in outcome.choices],
        validation_regret=max(map(judge.last, configs)) - judge.last(outcome.choice),
        test_regret=max(map(judge.final, configs)) - judge.final(outcome.choice),
    )


def training_seconds(problem: Recorded) -> float:
    """Of one full training, as random search draws them: a family, then one of its configs."""
    by_family = [
        [problem.whole_seconds(c.config) for c in problem.curves.values() if c.config["family"] == family]
        for family in problem.families
    ]
    return fmean(map(fmean, by_family))


def time_to_reach(runs: Sequence[tuple[Sequence[float], Sequence[float]]], target: float) -> float | None:
    """When the mean over `runs` (times, values) comes to `target` for good; None where it does not.

    Before its first value a run counts as minus infinity.
    """
    times = np.unique(np.concatenate([times for times, _ in runs]))
    below = np.mean([np.nan_to_num(held(*one, times), nan=-np.inf) for one in runs], axis=0) < target - 1e-12
    first = int(np.flatnonzero(below)[-1]) + 1 if below.any() else 0
    return float(times[first]) if first < len(times) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trainings", type=float, nargs="+", default=[10.0, 30.0], help="budgets, in full trainings")
    parser.add_argument("--methods", nargs="+", default=[METHODS[0], WITHOUT_PRESETS, RIVAL_WITH_PRESETS, *METHODS[1:]])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    problem, records = Recorded.load(given.table), list[Replay]()
    one = training_seconds(problem)
    print(
        f"{len(problem.curves)} configs of {len(problem.families)} families, {one:.1f} s a full training on average; "
        f"{WORKERS} workers in virtual time, {given.seeds} seeds; kappa"
    )
    with ProcessPoolExecutor(given.processes) as processes:
        for trainings in given.trainings:
            n, budget = given.seeds, trainings * one / WORKERS
            found = {
                name: list(processes.map(run, [given.table] * n, [name] * n, [budget] * n, range(n)))
                for name in given.methods
            }
            print(f"\nbudget: {trainings:g} full trainings, {budget:.0f} s")
            _print(found, budget)
            records += [record for runs in found.values() for record in runs]
            if given.out is not None:  # each time: hours may lie between two budgets
                store(records, given.out / f"{given.table.stem}_replay.parquet")
                curves_figure.draw(records, given.out / f"{given.table.stem}_replay.png", WORKERS)


def _print(found: dict[str, list[Replay]], budget_s: float) -> None:
    print(
        f"{'':36s} {'regret: validation':>20s} {'test':>16s} {'budget to random: validation':>30s} {'test':>6s} trials"
    )
    goals = found.get(RANDOM, [])
    for name, runs in found.items():
        regrets = [np.array([getattr(one, f"{kind}_regret") for one in runs]) for kind in ("validation", "test")]
        means = "  ".join(f"{regret.mean():.4f} (worst {regret.max():.3f})" for regret in regrets)
        shares = "-", "-"
        if goals:
            on_validation = time_to_reach([(r.times, r.validations) for r in runs], fmean(r.validation for r in goals))
            in_test = time_to_reach([(r.times, r.refits) for r in runs], fmean(r.refit for r in goals))
            shares = _share(on_validation, budget_s), _share(in_test, budget_s)
        print(f"{name:36s} {means} {shares[0]:>18s} {shares[1]:>6s} {fmean(r.trials for r in runs):6.0f}", flush=True)


def _share(time_s: float | None, budget_s: float) -> str:
    return "never" if time_s is None else f"{time_s / budget_s:.0%}"


if __name__ == "__main__":
    main()

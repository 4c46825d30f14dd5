"""`python -m benchmarks.compare.surrogate PROBLEM.py`: all methods on a surrogate problem, in virtual time.

Prints, for each method and budget, the mean and the worst refit score over the seeds and how often the choice was of
the right family. `--out FOLDER` keeps every outcome (Parquet) and draws the best-so-far curves.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.compare.ours import Ours
from benchmarks.compare.problem import Problem, Surrogate
from benchmarks.compare.record import Record, draw, store
from benchmarks.compare.rivals import OneEpoch, OptunaHyperband, RandomSearch, RayDefault, RayDefaultWithPresets
from benchmarks.compare.virtual_time import Clock, Method, simulate

WORKERS = 4
METHODS = (
    "ours",
    "ours, TPE alone",
    "ours, joint allocation",
    "joint TPE + one ASHA",
    "joint TPE + Hyperband",
    "random, no stopping",
    "one epoch, then top k",
)
RIVAL_WITH_PRESETS = "joint TPE + one ASHA, presets first"
"""Not among METHODS: a surrogate problem knows no presets."""


def method(name: str, problem: Problem, clock: Clock, budget_s: float, seed: int) -> Method:
    match name:
        case "ours":
            return Ours(problem, clock, WORKERS, budget_s, seed)
        case "ours, TPE alone":
            return Ours(problem, clock, WORKERS, budget_s, seed, sampler="tpe")
        case "ours, joint allocation":
            return Ours(problem, clock, WORKERS, budget_s, seed, joint=True, sampler="tpe")
        case "joint TPE + one ASHA":
            return RayDefault(problem, seed)
        case _ if name == RIVAL_WITH_PRESETS:
            return RayDefaultWithPresets(problem, seed)
        case "joint TPE + Hyperband":
            return OptunaHyperband(problem, seed)
        case "random, no stopping":
            return RandomSearch(problem, seed)
        case "one epoch, then top k":
            return OneEpoch(problem, seed, clock, budget_s)
    raise SystemExit(f"no method is named {name!r}: choose from {', '.join(METHODS)}")


def run(path: Path, name: str, budget_s: float, seed: int) -> Record:
    problem, clock = Surrogate.load(path), Clock()
    chosen = method(name, problem, clock, budget_s, seed)
    outcome = simulate(problem, chosen, clock, workers=WORKERS, budget_s=budget_s, seed=seed)
    return Record.of(name, budget_s, seed, problem, outcome)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budgets", type=float, nargs="+", default=[1000.0, 3000.0], help="virtual seconds")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    problem, records = Surrogate.load(given.problem), list[Record]()
    print(f"{WORKERS} workers in virtual time, {given.seeds} seeds, {problem.max_epochs} epochs at full fidelity")
    with ProcessPoolExecutor(given.processes) as processes:
        for budget in given.budgets:
            for name in given.methods:
                n = given.seeds
                found = list(processes.map(run, [given.problem] * n, [name] * n, [budget] * n, range(n)))
                records += found
                _print(name, budget, found, problem.best_family)
                if given.out is not None:  # each time: hours may lie between two methods
                    store(records, given.out / "surrogate.parquet")
                    draw(records, given.out / "surrogate.png", "virtual seconds, 4 workers")


def _print(name: str, budget_s: float, found: list[Record], best_family: str) -> None:
    refits = np.array([one.refit for one in found])
    right = sum(one.family == best_family for one in found)
    print(
        f"{budget_s:6.0f} s  {name:22s}  refit {refits.mean():.4f} (worst {refits.min():.4f}), right family {right} of "
        f"{len(found)}, {np.mean([one.trials for one in found]):.0f} trials",
        flush=True,
    )


if __name__ == "__main__":
    main()

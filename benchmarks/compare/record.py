"""Outcomes of compared methods: a Parquet table, and curves of best-so-far against compute."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.compare.problem import Problem
from benchmarks.compare.virtual_time import Outcome


@dataclass(frozen=True)
class Record:
    """One method, one seed."""

    method: str
    budget_s: float
    seed: int
    family: str
    """Of the choice."""
    refit: float
    """What a refit of the choice reaches."""
    trials: int
    epochs: int
    times: list[float]
    """When the choice changed, in seconds, and
    """
    refits: list[float]
    """what a refit of it would have reached."""

    @classmethod
    def of(cls, method: str, budget_s: float, seed: int, problem: Problem, outcome: Outcome, **more: Any) -> Self:
        """`outcome` of a search on `problem`; `more`: the fields that a subclass adds."""
        return cls(
            method=method,
            budget_s=budget_s,
            seed=seed,
            family=str(outcome.choice["family"]),
            refit=problem.final(outcome.choice),
            trials=outcome.trials,
            epochs=outcome.epochs,
            times=outcome.times,
            refits=outcome.refits,
            **more,
        )


def store(records: Sequence[Record], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([asdict(one) for one in records]), path)


def draw(records: Sequence[Record], path: Path, time_label: str) -> None:
    """Mean over the seeds and the worst seed, one panel a budget."""
    budgets = sorted({one.budget_s for one in records})
    colours = {name: f"C{i}" for i, name in enumerate(dict.fromkeys(one.method for one in records))}
    figure, panels = plt.subplots(1, len(budgets), figsize=(6.4 * len(budgets), 5.4), sharey=True, squeeze=False)
    for panel, budget in zip(panels[0], budgets, strict=True):
        grid = np.linspace(0.02, 1, 200) * budget
        for name, colour in colours.items():  # one colour in all panels, also where a method is missing in one
            runs = [one for one in records if one.method == name and one.budget_s == budget]
            if not runs:
                continue
            refits = np.array([held(one.times, one.refits, grid) for one in runs])
            started = np.isfinite(refits).all(axis=0)
            mean, worst = refits[:, started].mean(axis=0), refits[:, started].min(axis=0)
            panel.plot(grid[started], mean, color=colour, label=name)
            panel.plot(grid[started], worst, color=colour, lw=0.7, ls=":")
        panel.set(xlabel=time_label, title=f"budget {budget:g} s")
        panel.grid(alpha=0.3)
    top = max(max(one.refits) for one in records)
    panels[0, 0].set(ylabel="score of a refit of the best so far", ylim=(top - 0.14, top + 0.005))
    shown = {name: line for panel in panels[0] for line, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    title = f"solid: mean of {len({one.seed for one in records})} seeds; dotted: the worst"
    figure.tight_layout(rect=(0, 0.17, 1, 1))
    figure.legend(
        shown.values(),
        shown.keys(),
        loc="lower center",
        ncols=2 * len(budgets),
        fontsize=8,
        title=title,
        title_fontsize=8,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def held(times: Sequence[float], values: Sequence[float], grid: np.ndarray) -> np.ndarray:
    """The step function that takes `values` at `times`, on the times of `grid`; NaN before the first one."""
    at = np.searchsorted(times, grid, side="right") - 1
    return np.where(at >= 0, np.asarray(values)[at.clip(min=0)], np.nan)

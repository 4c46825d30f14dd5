"""search.png: what the search spent and what it found. A function of the journal alone."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsiauto.config import RunConfig
from hsiauto.report.figure import colour, figure_file
from hsiauto.search.events import Event
from hsiauto.search.learning_curves import curve
from hsiauto.search.trials import TrialState, trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scores = Mapping[int, float]
"""Epoch -> validation score."""
MARKERS = {"completed": "o", "stopped": "x", "failed": "v"}
UNFINISHED = "+"
"""Marks a trial that was running, or interrupted, when the journal was read."""


def draw_search(events: Iterable[Event], run_config: RunConfig, path: Path) -> None:
    """Best validation score against compute on the left, learning curves by family on the right."""
    reported = [trial for trial in trials(events).values() if trial.reports]
    names = sorted({trial.family for trial in reported})
    colours = {name: colour(i) for i, name in enumerate(names)}
    curves = {
        name: [c for t in reported if t.family == name and (c := curve(t, run_config.objective))] for name in names
    }
    at_once = {name: own for name, own in curves.items() if own and max(map(len, own)) == 1}
    panels = [name for name, own in curves.items() if own and name not in at_once]
    rows = max(1, -(-(len(panels) + bool(at_once)) // 2))
    with figure_file(path, 15, max(4.5, 2.4 * rows)) as figure:
        grid = figure.add_gridspec(rows, 4)
        _draw_compute(figure.add_subplot(grid[:, :2]), reported, colours, run_config)
        shared: Axes | None = None
        for i, name in enumerate(panels):
            axes = figure.add_subplot(grid[i // 2, 2 + i % 2], sharex=shared, sharey=shared)
            shared = shared or axes
            _draw_family(axes, name, curves[name], colours[name], run_config)
        if at_once:
            axes = figure.add_subplot(grid[len(panels) // 2, 2 + len(panels) % 2], sharey=shared)
            _draw_at_once(axes, at_once, colours)


def _draw_compute(
    axes: "Axes", reported: Sequence[TrialState], colours: Mapping[str, Any], run_config: RunConfig
) -> None:
    spent, best = 0.0, -np.inf
    line: list[tuple[float, float]] = []
    states: set[str] = set()
    for trial in reported:
        spent += trial.fit_seconds
        state: str = trial.state if trial.state in MARKERS else "unfinished"
        states.add(state)
        if scores := curve(trial, run_config.objective):
            axes.plot(
                spent,
                scores[max(scores)],
                marker=MARKERS.get(state, UNFINISHED),
                color=colours[trial.family],
                markersize=6,
                alpha=0.85,
                linestyle="none",
            )
        if state == "completed":
            best = max(best, trial.score(run_config.objective))
        if np.isfinite(best):
            line.append((spent, best))
    if line:
        axes.step(*zip(*line, strict=True), where="post", color="black", linewidth=1.5, label="best at full fidelity")
    for name, own in colours.items():
        axes.plot([], [], marker="s", linestyle="none", color=own, label=name)
    for state in (*MARKERS, "unfinished"):
        if state in states:
            axes.plot([], [], marker=MARKERS.get(state, UNFINISHED), linestyle="none", color="grey", label=state)
    axes.set_xlabel("compute: training time of all trials so far (seconds)")
    axes.set_ylabel(f"validation {run_config.objective}")
    axes.set_title("search")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=5, ncols=5, fontsize=8, frameon=False)
    axes.grid(alpha=0.3)


def _draw_family(axes: "Axes", name: str, curves: Sequence[Scores], colour: Any, run_config: RunConfig) -> None:
    for scores in curves:
        marker = "." if len(scores) == 1 else None
        axes.plot(list(scores), list(scores.values()), color=colour, alpha=0.7, linewidth=1.2, marker=marker)
    rung = run_config.grace_epochs
    while run_config.scheduler == "asha" and rung < run_config.max_epochs:
        axes.axvline(rung, color="grey", linestyle=":", linewidth=0.8)
        rung *= run_config.reduction
    axes.set_title(f"{name}: {_trials(len(curves))}", fontsize=9)
    axes.set_xlabel("epoch (dotted: rungs)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)


def _draw_at_once(axes: "Axes", curves: Mapping[str, Sequence[Scores]], colours: Mapping[str, Any]) -> None:
    """The families that are trained in one step, side by side: their trials have a score and no curve."""
    for place, (name, own) in enumerate(curves.items()):
        last = [scores[max(scores)] for scores in own]
        axes.plot([place] * len(last), last, color=colours[name], marker="o", markersize=5, alpha=0.6, linestyle="none")
        axes.hlines(max(last), place - 0.3, place + 0.3, color=colours[name], linewidth=1.5)
    axes.set_xticks(range(len(curves)), [f"{name}\n{_trials(len(own))}" for name, own in curves.items()])
    axes.set_xlim(-0.6, len(curves) - 0.4)
    axes.set_title("trained in one step (line: the best)", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", alpha=0.3)


def _trials(n: int) -> str:
    return "1 trial" if n == 1 else f"{n} trials"

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

MARKERS = {"completed": "o", "stopped": "x", "failed": "v"}
UNFINISHED = "+"
"""Marks a trial that was running, or interrupted, when the journal was read."""


def draw_search(events: Iterable[Event], run_config: RunConfig, path: Path) -> None:
    """Best validation score against compute on the left, learning curves by family on the right."""
    reported = [trial for trial in trials(events).values() if trial.reports]
    names = sorted({trial.family for trial in reported})
    colours = {name: colour(i) for i, name in enumerate(names)}
    rows = max(1, -(-len(names) // 2))
    with figure_file(path, 15, max(4.5, 2.4 * rows)) as figure:
        grid = figure.add_gridspec(rows, 4)
        _draw_compute(figure.add_subplot(grid[:, :2]), reported, colours, run_config)
        shared: Axes | None = None
        for i, name in enumerate(names):
            axes = figure.add_subplot(grid[i // 2, 2 + i % 2], sharex=shared, sharey=shared)
            shared = shared or axes
            mine = [trial for trial in reported if trial.family == name]
            _draw_family(axes, name, mine, colours[name], run_config)


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
    axes.legend(loc="lower right", fontsize=8)
    axes.grid(alpha=0.3)


def _draw_family(axes: "Axes", name: str, mine: Sequence[TrialState], colour: Any, run_config: RunConfig) -> None:
    for scores in filter(None, (curve(trial, run_config.objective) for trial in mine)):
        marker = "." if len(scores) == 1 else None
        axes.plot(list(scores), list(scores.values()), color=colour, alpha=0.7, linewidth=1.2, marker=marker)
    rung = run_config.grace_epochs
    while run_config.scheduler == "asha" and rung < run_config.max_epochs:
        axes.axvline(rung, color="grey", linestyle=":", linewidth=0.8)
        rung *= run_config.reduction
    axes.set_title(f"{name}: {len(mine)} trials", fontsize=9)
    axes.set_xlabel("epoch (dotted: rungs)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)

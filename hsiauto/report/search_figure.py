"""search.png: what the search spent and what it found. A function of the journal alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # no display on a cluster node

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from hsiauto.config import StudyConfig
from hsiauto.files import atomic_path


def draw_search(events: Iterable[dict[str, Any]], study: StudyConfig, path: Path) -> None:
    """Best validation score against compute on the left, learning curves by family on the right."""
    curves, families = _curves(events, f"val_{study.objective}")
    names = sorted(set(families.values()))
    colours = {name: plt.get_cmap("tab10")(i % 10) for i, name in enumerate(names)}
    rows = max(1, -(-len(names) // 2))
    figure = plt.figure(figsize=(15, max(4.5, 2.4 * rows)), layout="constrained")
    grid = figure.add_gridspec(rows, 4)
    _draw_compute(figure.add_subplot(grid[:, :2]), curves, families, colours, study)
    shared: Axes | None = None
    for i, name in enumerate(names):
        axes = figure.add_subplot(grid[i // 2, 2 + i % 2], sharex=shared, sharey=shared)
        shared = shared or axes
        _draw_family(axes, name, [c for trial, c in curves.items() if families[trial] == name], colours[name], study)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    plt.close(figure)


Curve = list[tuple[int, float, float]]
"""(epoch, score, fit seconds so far) of one trial, in the order of its reports."""


def _curves(events: Iterable[dict[str, Any]], metric: str) -> tuple[dict[str, Curve], dict[str, str]]:
    curves: dict[str, Curve] = {}
    families: dict[str, str] = {}
    for event in events:
        if event["event"] == "proposed":
            families[event["trial_id"]] = event["family"]
        elif event["event"] == "report" and event.get(metric) is not None:
            curve = curves.setdefault(event["trial_id"], [])
            curve[:] = [point for point in curve if point[0] < event["epoch"]]  # an epoch redone after a crash
            curve.append((event["epoch"], event[metric], event["fit_seconds"]))
    return curves, families


def _draw_compute(
    axes: Axes, curves: dict[str, Curve], families: dict[str, str], colours: dict[str, Any], study: StudyConfig
) -> None:
    spent, best = 0.0, -np.inf
    line: list[tuple[float, float]] = []
    for trial, curve in curves.items():
        spent += curve[-1][2]
        full = curve[-1][0] >= study.max_epochs
        axes.plot(
            spent,
            curve[-1][1],
            marker="o" if full else "x",
            color=colours[families[trial]],
            markersize=6,
            alpha=0.85,
            linestyle="none",
        )
        if full:
            best = max(best, curve[-1][1])
        if np.isfinite(best):
            line.append((spent, best))
    if line:
        axes.step(*zip(*line, strict=True), where="post", color="black", linewidth=1.5, label="best at full fidelity")
    for name, colour in colours.items():
        axes.plot([], [], marker="o", linestyle="none", color=colour, label=name)
    axes.plot([], [], marker="x", linestyle="none", color="grey", label="stopped early")
    axes.set_xlabel("compute: training time of all trials so far (seconds)")
    axes.set_ylabel(f"validation {study.objective}")
    axes.set_title("search")
    axes.legend(loc="lower right", fontsize=8)
    axes.grid(alpha=0.3)


def _draw_family(axes: Axes, name: str, curves: list[Curve], colour: Any, study: StudyConfig) -> None:
    for curve in curves:
        epochs, scores, _ = zip(*curve, strict=True)
        axes.plot(epochs, scores, color=colour, alpha=0.7, linewidth=1.2, marker="." if len(epochs) == 1 else None)
    rung = study.grace_epochs
    while study.scheduler == "asha" and rung < study.max_epochs:
        axes.axvline(rung, color="grey", linestyle=":", linewidth=0.8)
        rung *= study.reduction
    axes.set_title(f"{name}: {len(curves)} trials", fontsize=9)
    axes.set_xlabel("epoch (dotted: rungs)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)

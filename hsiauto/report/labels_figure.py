"""labels.png: accuracy against the labels that were asked for. A function of the refits' journal alone."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from hsiauto.metrics import wilson
from hsiauto.report.figure import colour, figure_file
from hsiauto.search.events import Cycle, Event, Refit, of

CANARY = "coordinate_1nn"
REFERENCES = {CANARY: ":", "majority": "--"}
"""Family -> line, in grey: what positions and class frequencies give on as many labels."""

Points = list[tuple[int, float]]
"""(labels, test OA) of one training run, by cycle."""


def draw_labels(events: Iterable[Event], path: Path) -> bool:
    """Draw the curves of every `cycle` event that has a test score: a thin line for each seed, a thick one for their
    mean. False, and nothing is written, if there is none.
    """
    events = list(events)
    groups = curves(events)
    if not groups:
        return False
    n_test = next((e.pixels_test for e in of(Refit, events) if e.pixels_test), 0)
    canaries = curves(events, "canary_oa")
    lines = {name: REFERENCES.get(name.partition(",")[0], "-") for name in groups}
    trained = [name for name in groups if lines[name] == "-"]
    with figure_file(path, 8, 5.4) as figure:
        axes = figure.add_subplot()
        for name, runs in groups.items():
            own, n = colour(trained.index(name)) if name in trained else "grey", len(runs)
            for run in runs:
                axes.plot(*_percent(run), color=own, alpha=0.35, linewidth=0.8)
            label = f"{name}, {n} seed{'s' if n > 1 else ''}"
            axes.plot(*_percent(mean(runs)), color=own, marker=".", linewidth=1.8, label=label, linestyle=lines[name])
            labels, oa = mean(runs)[-1]
            low, high = wilson(oa, n_test)
            axes.vlines(labels, 100 * low, 100 * high, color=own, linewidth=1)
            if name in canaries:
                label = f"{CANARY} on the labels of {name}"
                axes.plot(*_percent(mean(canaries[name])), color=own, linewidth=1.2, label=label, linestyle=":")
        axes.set_xlabel("labels that the oracle counted")
        axes.set_ylabel(
            f"test OA (%) of {n_test:,} pixels, with the interval that these allow" if n_test else "test OA (%)"
        )
        title = "accuracy against labels; the last point is the result, no point was chosen by its score"
        axes.set_title(title, fontsize=10)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
        axes.grid(alpha=0.3)
    return True


def curves(events: Iterable[Event], score: Literal["test_oa", "canary_oa"] = "test_oa") -> dict[str, list[Points]]:
    """`family, acquisition` -> a curve for each completed refit. A refit that was done again counts once."""
    events = list(events)
    found = ((e, getattr(e, score)) for e in of(Cycle, events))
    scored = {(e.key, e.cycle): (e.labels, oa) for e, oa in found if oa is not None}
    by_key: dict[str, Points] = defaultdict(list)
    for (key, _), point in sorted(scored.items()):
        by_key[key].append(point)
    groups: dict[str, list[Points]] = defaultdict(list)
    for key, refit in {e.key: e for e in of(Refit, events) if e.state == "completed"}.items():
        if key in by_key:
            groups[f"{refit.family}, {refit.acquisition}"].append(by_key[key])
    return dict(groups)


def mean(runs: list[Points]) -> Points:
    """The mean over the runs at each number of labels, which one plan gives to all of them."""
    at: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        for labels, score in run:
            at[labels].append(score)
    return [(labels, float(np.mean(scores))) for labels, scores in sorted(at.items())]


def _percent(run: Points) -> tuple[list[int], list[float]]:
    return [labels for labels, _ in run], [100 * score for _, score in run]

"""Best-so-far on recorded curves against compute: validation above, the test of a refit below, one column a budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.compare.record import held

if TYPE_CHECKING:
    from benchmarks.compare.curves import Replay

_ROWS = {"validations": "kappa on validation of the best so far", "refits": "kappa in test of its refit"}


def draw(records: "Sequence[Replay]", path: Path, workers: int) -> None:
    """Mean over the seeds, from when every seed has a choice."""
    budgets = sorted({one.budget_s for one in records})
    size = (6.4 * len(budgets), 8.0)
    figure, panels = plt.subplots(len(_ROWS), len(budgets), figsize=size, sharey="row", sharex="col", squeeze=False)
    for row, (values, label) in zip(panels, _ROWS.items(), strict=True):
        for panel, budget in zip(row, budgets, strict=True):
            grid = np.linspace(0.01, 1, 300) * budget
            for name in dict.fromkeys(one.method for one in records):
                runs = [one for one in records if one.method == name and one.budget_s == budget]
                if runs:
                    mean = np.mean([held(one.times, getattr(one, values), grid) for one in runs], axis=0)
                    panel.plot(grid, mean, label=f"{name} (n = {len(runs)})")
            panel.grid(alpha=0.3)
        row[0].set_ylabel(label)
    for panel, budget in zip(panels[0], budgets, strict=True):
        panel.set_title(f"budget {budget:.0f} s")
    for panel in panels[-1]:
        panel.set_xlabel(f"virtual seconds, {workers} workers")
    panels[-1, 0].legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)

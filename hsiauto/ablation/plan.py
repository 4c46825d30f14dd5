"""The trainings of a study, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hsiauto.ablation.cells import Cell, Grid
from hsiauto.families import FAMILIES
from hsiauto.refit.plan import REFERENCES


@dataclass(frozen=True, order=True)
class Run:
    """The seeds that compared cells share: pairs are taken within a run."""

    split_seed: int
    seed: int


@dataclass(frozen=True)
class Training:
    """One cell in one run, or a reference (`coordinate_1nn`, `majority`) on a split."""

    cell: Cell
    run: Run

    @property
    def key(self) -> str:
        """Identifies config, split and seed; each key is scored once."""
        return f"split-{self.run.split_seed}/{self.cell.key}/seed-{self.run.seed}"

    @property
    def kind(self) -> Literal["refit", "baseline"]:
        return "baseline" if self.cell.config.kind == "reference" else "refit"


def runs(seed: int, seeds: int, split_seed: int, splits: int) -> list[Run]:
    """Return `seeds` runs over `splits` splits: run i trains with seed + i on split_seed + i mod splits.

    With one split, a difference holds for that split; with as many splits as seeds the runs are independent, as the
    paired test assumes.
    """
    return [Run(split_seed + i % splits, seed + i) for i in range(seeds)]


def trainings(grid: Grid, runs: Sequence[Run]) -> list[Training]:
    """Return the references, then all cells of each run before the next run, so that a deadline leaves whole pairs.

    If labels are asked for, the references learn from as many random labels as the reference cell.
    """
    first = {run.split_seed: run for run in reversed(runs)}
    labels = grid.reference.labels
    at_random = None if labels is None else labels.model_copy(update={"acquisition": "random"})
    references = [
        Training(Cell({}, FAMILIES[name].preset("paper"), 1, labels=at_random), run)
        for run in sorted(first.values())
        for name in REFERENCES
    ]
    ordered = [grid.reference, *(cell for cell in grid.cells if cell.key != grid.reference.key)]
    return [*references, *(Training(cell, run) for run in runs for cell in ordered)]

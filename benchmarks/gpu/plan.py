"""The sections, the most telling first: whatever takes its time, they have theirs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.gpu import conformance, graphs, maps, steps, trials
from benchmarks.gpu.bench import Bench, Figures, Missing


@dataclass(frozen=True)
class Section:
    """Cells, which are measured one by one."""

    cells: Callable[[Bench], Mapping[str, Callable[[], Figures] | Missing]]
    weight: float
    """Its share of the time that is left is this over that of all sections that are left."""
    most: float
    """Of the whole time, for one cell."""


SECTIONS: Mapping[str, Section] = {
    "conformance": Section(conformance.cells, 1.0, 1 / 16),
    "steps": Section(steps.cells, 3.0, 1 / 16),
    "trials": Section(trials.cells, 2.0, 1 / 8),
    "graphs": Section(graphs.graph_cells, 1.5, 1 / 24),
    "maps": Section(maps.cells, 1.0, 1 / 24),
    "compiled": Section(graphs.compile_cells, 3.0, 1 / 12),
}

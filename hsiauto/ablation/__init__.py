"""Studies: a grid over named axes x seeds, trained and scored like refits, ending in a table and a figure.

A study answers one question about a method. It never chooses: no row of it has a rank, and every cell meets the test
labels once a run. (`hsiauto.runs` is a search as a whole; this package is `hsiauto study NAME`.)
"""

from hsiauto.ablation.cells import Cell, Grid, grid
from hsiauto.ablation.definition import Definition, load, shipped
from hsiauto.ablation.record import Asked
from hsiauto.ablation.run import Result, resume, run

__all__ = ["Asked", "Cell", "Definition", "Grid", "Result", "grid", "load", "resume", "run", "shipped"]

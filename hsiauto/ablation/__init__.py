"""`hsiauto study`: the cells of a grid, each trained over several seeds and scored like a refit; a table and a figure.

A study answers one question about a method. It never chooses: its rows have no rank, and every cell meets the test
labels once in each run.
"""

from hsiauto.ablation.cells import Cell, Grid, grid
from hsiauto.ablation.definition import Definition, load, shipped
from hsiauto.ablation.record import Asked
from hsiauto.ablation.run import Result, resume, run

__all__ = ["Asked", "Cell", "Definition", "Grid", "Result", "grid", "load", "resume", "run", "shipped"]

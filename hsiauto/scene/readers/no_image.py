"""Answers for files that hold spectra or abundances, but no image of them as a scene needs it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from hsiauto.errors import UserError
from hsiauto.scene.readers.keys import Role, fits
from hsiauto.scene.source import SPECTRA

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".parquet", ".arff", ".feather", ".sli")
_SIDES = (("nrow", "ncol"), ("rows", "cols"), ("nrows", "ncols"), ("height", "width"), ("lines", "samples"), ("h", "w"))

Shapes = Mapping[str, tuple[int, ...]]


def table(path: Path) -> UserError:
    """The error for a type of file that holds a table of spectra."""
    rule = "a scene is an image, rows x columns x bands, with a label map of the same rows and columns"
    if path.suffix.lower() in SPECTRA:
        remedy = "Spectra without a place train a model, as the only scene of a run; there is nothing in them to map."
        return UserError(rule, f"{path}, a table", remedy)
    return UserError(
        rule,
        f"{path}, a table",
        "Save spectra without a place as .csv or .parquet. If the table has the row and column of each pixel, "
        "put the spectra into an array there and save it with numpy.save; the labels likewise, 0 elsewhere",
    )


def why_no_cube(path: Path, shapes: Shapes, scalar: Callable[[str], float | None]) -> UserError | None:
    """The error for a file whose arrays have two axes; None if something has three. `scalar` reads a number of it."""
    flat = {name: shape for name, shape in shapes.items() if len(shape) == 2 and min(shape) > 1}
    if not flat or any(fits(shape, "cube") for shape in shapes.values()):
        return None
    rule = f"{path} must hold a cube with three axes"
    names = {name.rpartition("/")[2].lower(): name for name in shapes}
    for one, other in _SIDES:
        if one not in names or other not in names:
            continue
        rows, columns = (scalar(names[side]) for side in (one, other))
        for name, shape in flat.items():
            if rows and columns and rows * columns in shape:
                return _flat_cube(rule, name, shape, (names[one], int(rows)), (names[other], int(columns)))
    return UserError(
        rule,
        _listing(flat),
        "Two axes are a label map, a table of spectra (pixels x bands), or a cube with its pixels in one axis: give "
        "the cube; if the pixels are all those of an image, reshape them to rows x columns x bands; a table without "
        "places is no scene",
    )


def _flat_cube(
    rule: str, name: str, shape: tuple[int, ...], rows: tuple[str, int], columns: tuple[str, int]
) -> UserError:
    pixels = rows[1] * columns[1]
    bands_first = shape[1] == pixels
    turned = f"reshape({shape[0]}, {rows[1]}, {columns[1]}, order='F').transpose(1, 2, 0)"
    if not bands_first:
        turned = f"reshape({rows[1]}, {columns[1]}, {shape[1]}, order='F')"
    order = "bands x pixels" if bands_first else "pixels x bands"
    return UserError(
        rule,
        f"{_listing({name: shape})} ({order}) beside {rows[0]} {rows[1]} and {columns[0]} {columns[1]}",
        f"Save it as rows x columns x bands with numpy.save: {name}.{turned} where MATLAB wrote the pixels column by "
        "column; look at a band to be sure",
    )


def why_no_labels(path: Path, shapes: Shapes) -> UserError | None:
    """The error for a file of label vectors or of one layer a class; None if an array can be a label map."""
    if any(fits(shape, "labels") for shape in shapes.values()):
        return None
    layers = {name: shape for name, shape in shapes.items() if len(shape) == 3}
    vectors = {name: shape for name, shape in shapes.items() if sum(n > 1 for n in shape) == 1}
    rule = f"{path} must hold a label map with two axes"
    if layers:
        name, shape = next(iter(layers.items()))
        axis = int(np.argmin(shape))
        remedy = (
            "One layer a class (abundances, one-hot)? Save the number of the largest at each pixel: "
            f"{name}.argmax(axis={axis}) + 1, and 0 where a pixel is unlabelled"
        )
        return UserError(rule, _listing(layers), remedy)
    if vectors:
        remedy = (
            "One label for each row of a table has no place: give rows x columns, those of the cube, 0 = unlabelled"
        )
        return UserError(rule, _listing(vectors), remedy)
    return None


def why_none(path: Path, role: Role, shapes: Shapes, scalar: Callable[[str], float | None]) -> UserError | None:
    """The error for a file that has nothing which can play the role, but something close to it."""
    return why_no_cube(path, shapes, scalar) if role == "cube" else why_no_labels(path, shapes)


def _listing(shapes: Shapes) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())

"""Tables of spectra without a place: CSV or Parquet, a row a spectrum, a column for each band and one of classes.

A column whose name is a number, or a number and its unit, is the band of that wavelength. Others may hold the class, a
group (of one leaf, plot or day), or whatever else: these are counted and left aside, x and y among them, for
nothing says that what lies between two spectra was measured.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.files import regular_file
from hsiauto.scene.class_field import class_numbers, ranked
from hsiauto.scene.groups import drawn_groups
from hsiauto.scene.memory import require
from hsiauto.scene.readers import spectral_library
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.wavelengths import to_nm
from hsiauto.settings import local

_BAND = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?)\s*(nm|um|µm)?\s*", re.IGNORECASE)
_LEAST = 3
_NAMED = "Separate the columns by commas, not by semicolons or tabs.", "Name the columns of the bands so."
_EXPANDED = 20
"""Bytes in memory of a byte of a table, at most, while it is read."""


def read(path: Path, label_field: str | None, group_field: str | None) -> tuple[Stored, Stored, npt.NDArray[np.int64]]:
    """(cube (N, 1, C), labels (N, 1), group of each spectrum (N, 1), from 1) of the table at `path`.

    Without `group_field` a few spectra of a class at random are a group: whole groups are what is divided.

    Raises UserError for no such table, columns that are not there, bands that hold no numbers, and if the column of the
    classes is open.
    """
    table = _table(regular_file(local(path)))
    names = [str(name) for name in table.column_names]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(f"the columns of {path} must have names of their own", shown(min(twice)), "Rename one.")
    bands = {
        name: match for name in names if (match := _BAND.fullmatch(name)) and name not in (label_field, group_field)
    }
    if len(bands) < _LEAST:
        rule = f"a table of spectra has {_LEAST} columns or more that are named by a wavelength, e.g. 450.5"
        raise UserError(rule, f"{len(bands)} of {len(names)} in {path}", _NAMED[len(names) > 1])
    units = {(match[2] or "").lower() for match in bands.values()}
    if len(units) > 1:
        raise UserError(f"the bands of {path} must have one unit", ", ".join(sorted(units)), "Rename the columns.")
    wavelengths, note = to_nm([float(match[1]) for match in bands.values()], units.pop())
    others = [name for name in names if name not in bands]
    if path.suffix.lower() == ".sli" and label_field is None:
        label_field = spectral_library.CLASS
    label_field = _column(path, label_field, others, "label_field")
    spectra = np.stack([_numbers(path, name, table.column(name)) for name in bands], axis=1)
    classes = table.column(label_field).to_pylist()
    known = np.array([value is not None and str(value).strip() not in ("", "nan") for value in classes])
    values, class_names = class_numbers(
        [value for value, is_known in zip(classes, known, strict=True) if is_known], label_field
    )
    labels = np.zeros(len(classes), np.int64)
    labels[known] = values
    if group_field is None:
        groups = drawn_groups(labels) + 1
    else:
        _column(path, group_field, others, "group_field")
        groups, _ = ranked(map(str, table.column(group_field).to_pylist()))
    aside = [name for name in others if name not in (label_field, group_field)]
    notes = [f"columns left aside: {', '.join(aside[:10])}" + (", ..." if aside[10:] else "")] if aside else []
    notes += [f"{np.count_nonzero(~known):,} spectra without a class"] if not known.all() else []
    cube = Stored(
        spectra[:, None], axes_known=True, wavelengths_nm=wavelengths, notes=tuple(filter(None, (note, *notes)))
    )
    return cube, Stored(labels[:, None], axes_known=True, mask=known[:, None], class_names=class_names), groups[:, None]


def _table(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import csv, parquet

    require(_EXPANDED * path.stat().st_size, f"the table {path}", "Give fewer spectra or bands.")
    if path.suffix.lower() == ".sli":
        return spectral_library.read(path)
    try:
        return csv.read_csv(path) if path.suffix.lower() == ".csv" else parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path} must be a table, with names of its columns in the first row", error, "Export it again."
        ) from error


def _column(path: Path, name: str | None, others: list[str], setting: str) -> str:
    if name in others and name is not None:
        return name
    if name is None and len(others) == 1:
        return others[0]
    listed = ", ".join(others[:10]) or "none beside the bands"
    if name is None:
        raise UserError(f"`{setting}` names the column of the classes in {path}", f"none, of {listed}", "Name it.")
    remedy = did_you_mean(name, others, f"Its columns beside the bands: {listed}.")
    raise UserError(f"`{setting}` names a column of {path}", shown(name), remedy)


def _numbers(path: Path, name: str, column: Any) -> npt.NDArray[np.float32]:
    """(N,) values of a band, NaN where there is none."""
    import pyarrow as pa

    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
        raise UserError(f"the bands of {path} hold numbers", f"{column.type} in {shown(name)}", "Correct the column.")
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float32)

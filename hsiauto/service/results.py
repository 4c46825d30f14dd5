"""What a run has left in its folder, as the API shows it: winner, artifacts, leaderboard, report."""

import math
import os
import tempfile
import threading
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from hsiauto import leaderboard as boards
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.report.page.data import finite
from hsiauto.runs import folder as folders
from hsiauto.runs.report import report_data, search_so_far

Artifact = Literal[
    "map.png", "search.png", "distance.png", "report.html", "bundle.zip", "model.onnx", "map.tif", "map.tif.aux.xml"
]
_ZIPPED: Artifact = "bundle.zip"
_WITHIN = {"model.onnx": Path(folders.BUNDLE) / "model.onnx", _ZIPPED: Path(folders.BUNDLE)}
PICTURES = ("map.png", "search.png", "distance.png")
"""Artifacts that a page shows; the others are downloads."""


def artifact(folder: Path, name: Artifact) -> Path | None:
    """The file of an artifact, of the bundle its folder; None: the run has none."""
    path = folder / _WITHIN.get(name, Path(name))
    return path if path.exists() and not path.is_symlink() else None


def artifacts(folder: Path) -> list[str]:
    """Names of those that there are."""
    return [name for name in get_args(Artifact) if artifact(folder, name)]


def zipped(bundle: Path) -> Path:
    """A temporary zip of the bundle, which the caller deletes."""
    handle, name = tempfile.mkstemp(prefix="bundle-", suffix=".zip")
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(bundle.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, Path(folders.BUNDLE) / path.relative_to(bundle))
    return Path(name)


def winner(folder: Path) -> dict[str, Any] | None:
    """Family and test OA of the winner; None before there is one."""
    path = folder / folders.LEADERBOARD
    return _winner(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=256)
def _winner(path: Path, changed_ns: int) -> dict[str, Any] | None:
    try:
        lines = boards.summary(boards.read(path))
    except UserError:  # of another version, or damaged: the leaderboard's own route says so
        return None
    first = next((line for line in lines if line.rank == 1), None)
    if first is None:
        return None
    oa = first.test_oa.mean
    return {"family": first.family, "test_oa": oa if math.isfinite(oa) else None}


def leaderboard(folder: Path, sort: str, kind: str | None, page: int, size: int) -> tuple[list[dict[str, Any]], int]:
    """A page of rows, those without a value last, and how many there are.

    Raises UserError for a column that a leaderboard does not have, and for one that cannot be read.
    """
    path, column = folder / folders.LEADERBOARD, sort.removeprefix("-")
    known = [one.name for one in boards.COLUMNS]
    if column not in known:
        raise UserError("a leaderboard is sorted by a column", shown(column), did_you_mean(column, known))
    if not path.is_file():
        return [], 0
    with _one_reads:
        table = _table(path, path.stat().st_mtime_ns)
    if kind is not None:
        table = table.filter(pc.equal(table["kind"], kind))
    order = "descending" if sort.startswith("-") else "ascending"
    some = table.take(pc.sort_indices(table, [(column, order)])[(page - 1) * size :][:size])
    return [finite(row) for row in some.to_pylist()], table.num_rows


_one_reads = threading.Lock()
"""Of many who ask at once the first reads the file, and the others wait for what it read."""


@lru_cache(maxsize=8)
def _table(path: Path, changed_ns: int) -> pa.Table:
    return boards.read(path)


Part = Literal["search", "found", "map"]
"""Of a report: trials as they go on; all but the map; the map alone, which is megabytes."""


def report(folder: Path, part: Part | None) -> dict[str, Any]:
    """What report.html holds, as far as the run went; one answer for all who ask before the run goes on."""
    if part == "search":
        return search_so_far(folder)
    files = [folder / name for name in (folders.JOURNAL, folders.REFITS, folders.LEADERBOARD, folders.MAP_DATA)]
    whole = _report(folder, tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files))
    return whole if part is None else {name: whole[name] for name in whole if (name == "map") == (part == "map")}


@lru_cache(maxsize=8)
def _report(folder: Path, changed_ns: tuple[int, ...]) -> dict[str, Any]:
    return report_data(folder)

"""What a run has left in its folder, as the API shows it: winner, artifacts, leaderboard, report."""

import math
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from hsiauto import leaderboard as boards
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.report.page import as_json
from hsiauto.runs import folder as folders
from hsiauto.runs.report import changes, report_data, search_so_far
from hsiauto.service.command import told
from hsiauto.service.events import whole_lines

Artifact = Literal[
    "map.png",
    "search.png",
    "distance.png",
    "report.html",
    "bundle.zip",
    "model.onnx",
    "map.tif",
    "map.tif.aux.xml",
    "leaderboard.parquet",
    "run.yaml",
    "split.npz",
    "refits.jsonl",
    "journal.jsonl",
]
"""In the order in which they are fetched: nothing in a file is newer than the journal."""
PICTURES = ("map.png", "search.png", "distance.png")
"""Artifacts that a page shows; the others are downloads."""
TEXTS = (folders.CONFIG, folders.REFITS, folders.JOURNAL)
"""Artifacts that name files of the service, and that grow."""


def artifact(folder: Path, name: Artifact, root: Path) -> Path | None:
    """The file of an artifact; None: the run has none. Those that are made of the bundle are made when first asked for.

    root: of the service. Raises UserError for a model that ONNX cannot hold.
    """
    if name not in artifacts(folder):
        return None
    path, bundle = folder / name, folder / folders.BUNDLE
    with _one_makes:
        if name in _MADE and not (path.is_file() and path.stat().st_mtime_ns > bundle.stat().st_mtime_ns):
            with tempfile.TemporaryDirectory(prefix=".made-", dir=folder) as place:
                _MADE[name](bundle, Path(place) / name, root)
                (Path(place) / name).replace(path)
    return path


def text_of(path: Path, without: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The whole lines that one of `TEXTS` has now, `without` the folders of the service."""
    offset, size = 0, path.stat().st_size
    while offset < size and (lines := whole_lines(path, offset)):
        yield without(lines)
        offset += len(lines)


def artifacts(folder: Path) -> list[str]:
    """Names of those that there are, or can be made."""
    return [name for name in get_args(Artifact) if _is_there(folder, name)]


def _is_there(folder: Path, name: Artifact) -> bool:
    path = folder / (folders.BUNDLE if name in _MADE else name)
    known = name != "model.onnx" or find_spec("onnx") is not None
    return known and path.exists() and not path.is_symlink()


def _zip(bundle: Path, out: Path, root: Path) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(bundle.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, Path(folders.BUNDLE) / path.relative_to(bundle))


def _export(bundle: Path, out: Path, root: Path) -> None:
    told(["export", str(bundle), "--out", str(out)], root)


_MADE: dict[Artifact, Callable[[Path, Path, Path], None]] = {"bundle.zip": _zip, "model.onnx": _export}
_one_makes = threading.Lock()


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
    return some.to_pylist(), table.num_rows


_one_reads = threading.Lock()
"""Of many who ask at once the first reads the file, and the others wait for what it read."""


@lru_cache(maxsize=8)
def _table(path: Path, changed_ns: int) -> pa.Table:
    """With null for every number that is not finite: JSON has none of them."""
    table = boards.read(path)
    for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pa.types.is_floating(column.type):
            table = table.set_column(place, name, pc.if_else(pc.is_finite(column), column, None))
    return table


Part = Literal["search", "found", "map"]
"""Of a report: trials as they go on; all but the map; the map alone, which is megabytes."""


def report(folder: Path, part: Part | None, without: Callable[[bytes], bytes]) -> bytes:
    """What report.html holds, as far as the run went, as JSON `without` the folders of the service.

    Made once for all who ask before the run goes on.
    """
    with _one_reports:
        if part == "search":
            return _search(folder, (folder / folders.JOURNAL).stat().st_size)
        found, drawn = _report(folder, changes(folder), without)
    return found[:-1] + b"," + drawn[1:] if part is None else drawn if part == "map" else found


_one_reports = threading.Lock()


@lru_cache(maxsize=8)
def _search(folder: Path, size: int) -> bytes:
    return as_json(search_so_far(folder)).encode()


@lru_cache(maxsize=8)
def _report(folder: Path, changed_ns: tuple[int, ...], without: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    """All but the map, and the map."""
    whole = report_data(folder)
    drawn, found = {"map": whole.pop("map")}, whole
    return without(as_json(found).encode()), without(as_json(drawn).encode())

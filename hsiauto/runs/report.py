"""report.html of a run folder."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from hsiauto import leaderboard as boards
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.report.page import SceneMap, Source, data_in, page, page_data, search_data
from hsiauto.runs import folder as folders
from hsiauto.search.events import Event, Opened, of
from hsiauto.search.journal import read


def report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the run in `folder` to `out`, by default its report.html; the path.

    Of a run that goes on, what is there so far. Raises UserError for a folder without a run or a leaderboard.
    """
    return _write(_read(folder), out)


def report_data(folder: Path) -> dict[str, Any]:
    """What stands in the report of the run in `folder`, as JSON has it: read of its page, if that is up to date.

    Raises UserError as `report`.
    """
    path = folder / folders.REPORT
    if path.is_file() and all(path.stat().st_mtime_ns >= changed for changed in changes(folder)):
        with suppress(UserError):  # somebody's own, or larger than is read at once
            return data_in(path.read_text(encoding="utf-8", errors="replace"), str(path))
    return page_data(_read(folder))


def changes(folder: Path) -> tuple[int, ...]:
    """When each of the files that a report is made of was changed, in nanoseconds; 0: it is not there."""
    files = [folder / name for name in (folders.JOURNAL, folders.REFITS, folders.LEADERBOARD, folders.MAP_DATA)]
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files)


def search_so_far(folder: Path) -> dict[str, Any]:
    """The trials of the run in `folder`, which needs no leaderboard yet. Raises UserError as `report`."""
    return search_data(folders.read_journal(folder), folders.read_config(folder))


def write_report(
    folder: Path, run_config: RunConfig, journal: Sequence[Event], refits: Sequence[Event], table: pa.Table
) -> Path:
    """Write the page; the path. Raises UserError if it cannot be written."""
    return _write(_source(folder, run_config, journal, refits, table), None)


def _read(folder: Path) -> Source:
    journal, refits = folders.read_journal(folder), folder / folders.REFITS
    if not of(Opened, journal):
        raise UserError("a report needs a run that has begun", f"an empty journal in {folder}", "Resume the run.")
    table = boards.read(folder / folders.LEADERBOARD)
    scored = read(refits) if refits.exists() else []
    return _source(folder, folders.read_config(folder), journal, scored, table)


def _source(
    folder: Path, run_config: RunConfig, journal: Sequence[Event], refits: Sequence[Event], table: pa.Table
) -> Source:
    settings = folder / folders.CONFIG
    return Source(
        folder=folder,
        run_config=run_config,
        journal=journal,
        refits=refits,
        table=table,
        scene_map=SceneMap.load(folder / folders.MAP_DATA),
        run_yaml=settings.read_text(encoding="utf-8") if settings.is_file() else "",
    )


def _write(source: Source, out: Path | None) -> Path:
    path = source.folder / folders.REPORT if out is None else out
    with atomic_path(path) as temporary:
        temporary.write_text(page(page_data(source)), encoding="utf-8")
    return path

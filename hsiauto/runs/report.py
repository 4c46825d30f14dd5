"""report.html of a run folder."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from hsiauto import leaderboard as boards
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.report.page import SceneMap, Source, page, page_data
from hsiauto.report.page.advice import advice
from hsiauto.runs import folder as folders
from hsiauto.search.events import Event, Opened, of
from hsiauto.search.journal import read
from hsiauto.search.trials import trials
from hsiauto.search.warnings import standing_warnings


def report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of the run in `folder` to `out`, by default its report.html; the path.

    Of a run that goes on, what is there so far. Raises UserError for a folder without a run or a leaderboard.
    """
    journal, refits = folders.read_journal(folder), folder / folders.REFITS
    if not of(Opened, journal):
        raise UserError("a report needs a run that has begun", f"an empty journal in {folder}", "Resume the run.")
    table = boards.read(folder / folders.LEADERBOARD)
    scored = read(refits) if refits.exists() else []
    return write_report(folder, folders.read_config(folder), journal, scored, table, out)


def write_report(
    folder: Path,
    run_config: RunConfig,
    journal: Sequence[Event],
    refits: Sequence[Event],
    table: pa.Table,
    out: Path | None = None,
) -> Path:
    """Write the page; the path. Raises UserError if it cannot be written."""
    found, settings = list(trials(journal).values()), folder / folders.CONFIG
    source = Source(
        name=folder.resolve().name,
        run_config=run_config,
        journal=journal,
        refits=refits,
        table=table,
        scene_map=SceneMap.load(folder / folders.MAP_DATA),
        statements=boards.winner_statement(table),
        warnings=tuple(dict.fromkeys((*standing_warnings(journal), *boards.table_warnings(table)))),
        advice=advice(table, found, run_config.objective, folder),
        command=f"hsiauto {run_config.command} --config run.yaml",
        run_yaml=settings.read_text(encoding="utf-8") if settings.is_file() else "",
    )
    path = folder / folders.REPORT if out is None else out
    with atomic_path(path) as temporary:
        temporary.write_text(page(page_data(source)), encoding="utf-8")
    return path

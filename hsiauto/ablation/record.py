"""ablation.json: what a study was asked for, in its run folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hsiauto.ablation.definition import Definition
from hsiauto.errors import UserError, refusal, shown
from hsiauto.files import atomic_path, read_json
from hsiauto.runs.folder import JOURNAL
from hsiauto.search import journal
from hsiauto.search.events import Opened, of
from hsiauto.settings import Repeats, Settings

FILE = "ablation.json"


class Asked(Settings):
    """A study as it runs: its definition with the user's changes, and its repetitions."""

    name: str
    source: str = ""
    """File of the study; empty: it ships with hsiauto under its name."""
    definition: Definition
    seeds: Repeats = 3
    """Runs of each cell."""
    splits: Repeats = 1
    """Splits over which the seeds are dealt."""
    cells: tuple[dict[str, Any], ...] = ()
    """Only the reference and the cells that have all values of one of these; empty: every cell."""


def write(folder: Path, asked: Asked) -> None:
    with atomic_path(folder / FILE) as temporary:
        temporary.write_text(asked.model_dump_json(indent=2) + "\n")


def read(folder: Path) -> Asked:
    """What the study in `folder` was asked for. Raises UserError for a folder of something else."""
    path = folder / FILE
    if not path.is_file():
        raise UserError(
            f"the run folder of a study holds {FILE}", folder, "Name the folder that `hsiauto study` printed."
        )
    try:
        asked = Asked.model_validate_json(read_json(path))
    except ValidationError as error:
        raise refusal(error, f"{path} must be a study: ", "It was edited or damaged: restore it.") from error
    _refuse_edits(asked, folder)
    return asked


def fields(asked: Asked) -> dict[str, Any]:
    """`asked` as JSON has it."""
    return asked.model_dump(mode="json")


def _refuse_edits(asked: Asked, folder: Path) -> None:
    """Raise UserError unless `asked` is what the journal's first event says, or an extension of it."""
    for opened in of(Opened, journal.read(folder / JOURNAL)):
        began = _flat(opened.study or {})
        now = _flat(fields(asked))
        differ = [name for name in now if name not in ("seeds", "cells") and now[name] != began.get(name)]
        if asked.seeds < began.get("seeds", 1):
            differ.append("seeds")
        for name in differ:
            raise UserError(
                f"a study goes on with the {name} that it began with, {shown(began.get(name))}",
                shown(now[name]),
                f"Restore {FILE}, or start a new study.",
            )


def _flat(study: Mapping[str, Any]) -> dict[str, Any]:
    return {**study, **study.get("definition", {}), "definition": None}


def work(asked: Asked) -> dict[str, Any]:
    """The settings of run.yaml that say what is trained."""
    definition = asked.definition
    fields: dict[str, Any] = {
        "study": asked.source or asked.name,
        "preset": definition.preset,
        "set": definition.pins or None,
        "seeds": asked.seeds,
        "splits": asked.splits,
        "cells": [*asked.cells] or None,
    }
    return fields | ({"max-epochs": None} if "max_epochs" in definition.axis_names else {})

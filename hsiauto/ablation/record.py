"""ablation.json: what a study was asked for, in its run folder."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hsiauto.ablation.definition import Definition
from hsiauto.errors import UserError, refusal
from hsiauto.files import atomic_path, read_json
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
        return Asked.model_validate_json(read_json(path))
    except ValidationError as error:
        raise refusal(error, f"{path} must be a study: ", "It was edited or damaged: restore it.") from error


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

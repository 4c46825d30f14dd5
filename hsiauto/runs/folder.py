"""The run folder: its name, what lies where, how it is made and how it is opened again."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.config import RunConfig, declared, flat, run_config_from
from hsiauto.errors import UserError, shown
from hsiauto.files import LOCK, read_yaml, run_lock, write_yaml, writing
from hsiauto.scene.several import short_name
from hsiauto.search.events import Event, Model, Opened, of
from hsiauto.search.journal import read
from hsiauto.split import Split, save_split

CONFIG, SPLIT, JOURNAL, REFITS = "run.yaml", "split.npz", "journal.jsonl", "refits.jsonl"
LEADERBOARD, REPORT = "leaderboard.parquet", "report.html"
MAP, MAP_DATA, SEARCH_FIGURE = "map.png", "map.npz", "search.png"
LABELS_FIGURE, DISTANCE_FIGURE = "labels.png", "distance.png"
BUNDLE, BUNDLE_PREVIOUS = "bundle", "bundle-previous"


def new_folder(folder: str | Path | None, dataset: str, prefix: str = "") -> Path:
    """`folder`, or `runs/<prefix><dataset>-<time>-<random>` for None: two runs never share one.

    Raises UserError unless it is new or empty, so that a run never mixes with somebody's files.
    """
    name = f"{prefix}{short_name(dataset)}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder = Path("runs") / name if folder is None else Path(folder)
    _refuse_used(folder)
    return folder


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make the new `folder` and hold its lock: of two runs that start in it, the second one writes nothing.

    Raises UserError if another driver holds it or something has been written into it.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with run_lock(folder):
        _refuse_used(folder)
        yield


def _refuse_used(folder: Path) -> None:
    if folder.is_file() or (folder.is_dir() and any(path.name != LOCK for path in folder.iterdir())):
        is_run = (folder / JOURNAL).is_file() and (folder / CONFIG).is_file()
        goes_on = is_run and read_config(folder).command != "train"
        remedy = "Choose another one" + (f", or go on with the run in it: `resume` {folder}." if goes_on else ".")
        raise UserError("a run starts in a new or empty folder", folder, remedy)


def create(
    folder: Path,
    run_config: RunConfig,
    split: Split,
    work: Mapping[str, Any] | None = None,
    groups: npt.NDArray[np.integer] | None = None,
) -> None:
    """Write run.yaml and split.npz into the `claimed` folder. Raises UserError if it cannot be written.

    groups (H, W): the scene's, if it has some. `work` holds settings of the command that RunConfig does not have: what
    is trained. None takes a setting out.
    """
    save_split(split, folder / SPLIT, groups)
    write_config(folder, run_config, work)


def write_config(folder: Path, run_config: RunConfig, work: Mapping[str, Any] | None = None) -> None:
    """Write run.yaml, of which `hsiauto COMMAND --config` makes the same run."""
    fields = {"command": run_config.command, **(work or {}), **flat(run_config), **(work or {})}
    fields = {name: value for name, value in fields.items() if value is not None}
    again = f"hsiauto {run_config.command} --config {CONFIG} --out NEW makes this run again"
    write_yaml(folder / CONFIG, fields, again)


def makes_bundle_again(folder: Path) -> str:
    """What makes the bundle of the run in `folder` again; empty for a folder that is no run, or never had one."""
    if not ((folder / CONFIG).is_file() and (folder / REFITS).is_file() and of(Model, read(folder / REFITS))):
        return ""
    if read_config(folder).command == "search":
        return f"`resume` {folder} makes it again."
    return f"Train with `config` {folder / CONFIG} and a new `out`: it makes it again."


def read_journal(folder: Path) -> list[Event]:
    """The events of a run's journal. Raises UserError unless they begin with what the run is."""
    events = read(folder / JOURNAL)
    if not events or not isinstance(events[0], Opened):
        raise UserError(
            f"{folder / JOURNAL} begins with the event `opened`",
            f"line 1: {events[0].event}" if events else "no event",
            "Its beginning is lost, or the run ended before it: restore it, or start a new run.",
        )
    return events


def read_config(folder: Path) -> RunConfig:
    """The RunConfig of an existing run. Raises UserError for a folder that is no run."""
    path = folder / CONFIG
    if not path.is_file() or not (folder / JOURNAL).is_file():
        raise UserError(
            f"a run folder holds {CONFIG} and {JOURNAL}",
            folder,
            "Name the folder that a search printed as its run folder.",
        )
    fields = read_yaml(path)
    command = fields.pop("command", None)
    if command not in ("search", "train", "study"):
        raise UserError(f"{path} must name its command", shown(command), "It was edited or damaged: restore it.")
    known = declared(command)
    return run_config_from(command, {name: value for name, value in fields.items() if name in known})

"""The run folder: its name, what lies where, how it is made and how it is opened again."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.files import atomic_path, writing
from hsiauto.scene.opening import SIMULATED
from hsiauto.split import Split, save_split

CONFIG, SPLIT, JOURNAL, REFITS = "study.json", "split.npz", "journal.jsonl", "refits.jsonl"
LEADERBOARD, MAP, SEARCH_FIGURE = "leaderboard.parquet", "map.png", "search.png"
LABELS_FIGURE = "labels.png"
BUNDLE, BUNDLE_PREVIOUS = "bundle", "bundle-previous"


def new_folder(folder: str | Path | None, dataset: str, prefix: str = "") -> Path:
    """`folder`, or runs/<prefix><dataset>-<time>-<random> for None: runs that start at the same moment never share one.

    Raises UserError unless it is new or empty, so that a run never mixes with somebody's files.
    """
    stem = Path(dataset.removeprefix(SIMULATED)).stem
    name = f"{prefix}{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    folder = Path("runs") / name if folder is None else Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        is_run = (folder / JOURNAL).is_file() and (folder / CONFIG).is_file()
        goes_on = is_run and read_config(folder).command != "train"
        remedy = "Choose another one" + (", or resume the run that is in it." if goes_on else ".")
        raise UserError("a run starts in a new or empty folder", folder, remedy)
    return folder


def create(folder: Path, run_config: RunConfig, split: Split) -> None:
    """Make the folder with study.json and split.npz. Raises UserError if it cannot be written."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    save_split(split, folder / SPLIT)
    write_config(folder, run_config)


def write_config(folder: Path, run_config: RunConfig) -> None:
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(run_config.model_dump_json(indent=2) + "\n")


def read_config(folder: Path) -> RunConfig:
    """The config of an existing run. Raises UserError for a folder that is no run."""
    if not (folder / CONFIG).is_file() or not (folder / JOURNAL).is_file():
        raise UserError(
            f"a run folder holds {CONFIG} and {JOURNAL}",
            folder,
            "Name the folder that a search printed as its run folder.",
        )
    try:
        return RunConfig.model_validate_json((folder / CONFIG).read_text())
    except (ValidationError, UnicodeDecodeError) as error:
        raise UserError(
            f"{folder / CONFIG} must be a study", str(error).splitlines()[0], "It was edited or damaged: restore it."
        ) from error

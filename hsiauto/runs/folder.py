"""The run folder: what lies where, how it is made and how it is opened again."""

from pathlib import Path

from pydantic import ValidationError

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.files import atomic_path, writing
from hsiauto.split import Split, save_split

CONFIG, SPLIT, JOURNAL, REFITS = "study.json", "split.npz", "journal.jsonl", "refits.jsonl"
LEADERBOARD, MAP, SEARCH_FIGURE = "leaderboard.parquet", "map.png", "search.png"
LABELS_FIGURE = "labels.png"
BUNDLE, BUNDLE_PREVIOUS = "bundle", "bundle-previous"


def check_new(folder: Path) -> None:
    """Raise UserError unless `folder` can become a run: new or empty, so that it never mixes with somebody's files."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        remedy = "Choose another --out"
        is_run = (folder / JOURNAL).is_file() and (folder / CONFIG).is_file()
        if is_run and (command := read_config(folder).command) != "train":
            remedy += f", or go on with `hsiauto {command} --resume {folder}`"
        raise UserError("--out is a new or empty folder", folder, remedy + ".")


def create(folder: Path, run_config: RunConfig, split: Split) -> None:
    """Make the folder with study.json and split.npz. Raises UserError where it cannot be written."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    save_split(split, folder / SPLIT)
    write_config(folder, run_config)


def write_config(folder: Path, run_config: RunConfig) -> None:
    with atomic_path(folder / CONFIG) as temporary:
        temporary.write_text(run_config.model_dump_json(indent=2) + "\n")


def read_config(folder: Path) -> RunConfig:
    """The study of an existing run. Raises UserError for a folder that is no run."""
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

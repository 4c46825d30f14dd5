"""SceneSource: the origin of a scene, as a user names it."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from hsiauto.errors import UserError
from hsiauto.scene.registry.known import known_scenes
from hsiauto.settings import AbsolutePath, Seed, Setting, Settings, WholeNumbers, absolute

SIMULATED = "simulated:"
MatchBands = Literal["exact", "nearest", "interpolate"]
_GROUP, _COMMANDS = "Scene", ("search", "train", "study", "estimate")


def _found_from_anywhere(dataset: str) -> str:
    """`dataset` with the path in it, if there is one, absolute."""
    if dataset.startswith(SIMULATED):
        return f"{SIMULATED}{absolute(Path(dataset.removeprefix(SIMULATED)))}"
    is_file = dataset not in known_scenes() and Path(dataset).expanduser().exists()
    return str(absolute(Path(dataset))) if is_file else dataset


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _ranges(value: Any) -> Any:
    """`104-108,150` -> its numbers, counted from 1."""
    if isinstance(value, str):
        parts = [re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part.strip()) for part in value.split(",")]
        value = [n for part in parts if part for n in range(int(part[1]), int(part[2] or part[1]) + 1)]
        if not all(parts) or not value:
            raise UserError("`drop_bands` lists bands", "something else", "Write for example 104-108,150.")
    if isinstance(value, list | tuple) and any(isinstance(n, int) and n < 1 for n in value):
        raise UserError("`drop_bands` counts from 1", min(value), "Write for example 104-108,150.")
    return value


class SceneSource(Settings):
    """The origin of a scene: a registry name, `simulated:PATH`, or a file with its labels."""

    dataset: Annotated[str, AfterValidator(_found_from_anywhere), Setting(_GROUP, _COMMANDS)] = "demo"
    """A known scene (see `hsiauto datasets`), demo, simulated:LABELS, or a file."""
    data_dir: Annotated[
        AbsolutePath | None,
        Setting(
            _GROUP, (*_COMMANDS, "predict"), default="the variable HSIAUTO_DATA, else ~/.cache/hsiauto", on_resume=True
        ),
    ] = None
    """Folder in which scenes lie and into which they are downloaded."""
    labels: Annotated[AbsolutePath | None, Setting(_GROUP, _COMMANDS)] = None
    """Label map of a scene that is a file. `hsiauto train` also takes the word active."""
    key: Annotated[str | None, Setting(_GROUP, (*_COMMANDS, "predict"))] = None
    """Name of the cube in a file of several arrays."""
    labels_key: Annotated[str | None, Setting(_GROUP, _COMMANDS)] = None
    """Name of the label map in a file of several arrays."""
    ignore_labels: Annotated[WholeNumbers, Setting(_GROUP, _COMMANDS, metavar="N,N")] = ()
    """Label values that mean unlabelled, e.g. 0,255."""
    background: Annotated[
        Annotated[int, Field(ge=-(2**53), le=2**53)] | Literal["none"] | None,
        BeforeValidator(_lower),
        Setting(_GROUP, _COMMANDS, default="0, unless it looks like a class", metavar="VALUE|none"),
    ] = None
    """Label value that means unlabelled; none: no value does, and 0 is a class."""
    nodata: Annotated[
        Annotated[float, Field(allow_inf_nan=False)] | Literal["none"] | None,
        BeforeValidator(_lower),
        Setting(
            _GROUP, (*_COMMANDS, "predict"), default="what the file says and what cannot be data", metavar="VALUE|none"
        ),
    ] = None
    """Value of the cube that means no data, beside the file's own; none: only NaN does."""
    on_nodata: Annotated[
        Literal["drop", "refuse"] | None,
        Setting(_GROUP, _COMMANDS, default="drop up to 10 % of either, else refuse"),
    ] = None
    """Labelled pixels without data in some bands: drop labels or bands, whichever loses less, or refuse."""
    drop_bands: Annotated[WholeNumbers, BeforeValidator(_ranges), Setting(_GROUP, _COMMANDS, metavar="N,N-N")] = ()
    """Bands to leave out, counted from 1 as in the file, e.g. 104-108,150. A bundle leaves them out by itself."""
    layout: Annotated[
        Literal["HWC", "CHW"] | None,
        BeforeValidator(_upper),
        Setting(_GROUP, (*_COMMANDS, "predict"), default="from the shape of the labels"),
    ] = None
    """Axis order of the cube in the file."""
    match_bands: Annotated[MatchBands, Setting(_GROUP, ("predict",))] = "exact"
    """Which bands of a scene with wavelengths stand for the model's: the same, the nearest, or those between."""
    seed: Annotated[Seed, Setting(_GROUP, _COMMANDS, name="simulator-seed")] = 0
    """Seed of the simulator."""

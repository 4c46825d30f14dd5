"""SceneSource: the origin of a scene, as a user names it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from hsiauto.scene.registry.known import known_scenes
from hsiauto.settings import AbsolutePath, Seed, Setting, Settings, WholeNumbers, absolute

SIMULATED = "simulated:"
_GROUP, _COMMANDS = "Scene", ("search", "train", "study", "estimate")


def _found_from_anywhere(dataset: str) -> str:
    """`dataset` with the path in it, if there is one, absolute."""
    if dataset.startswith(SIMULATED):
        return f"{SIMULATED}{absolute(Path(dataset.removeprefix(SIMULATED)))}"
    is_file = dataset not in known_scenes() and Path(dataset).expanduser().exists()
    return str(absolute(Path(dataset))) if is_file else dataset


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


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
    layout: Annotated[
        Literal["HWC", "CHW"] | None,
        BeforeValidator(_upper),
        Setting(_GROUP, (*_COMMANDS, "predict"), default="from the shape of the labels"),
    ] = None
    """Axis order of the cube in the file."""
    seed: Annotated[Seed, Setting(_GROUP, _COMMANDS, name="simulator-seed")] = 0
    """Seed of the simulator."""

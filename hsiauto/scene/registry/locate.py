"""Finds the files of a registered scene on this machine, and says what to do if they are not there."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.files import regular_file
from hsiauto.scene.registry.known import RegisteredFile, RegisteredScene, Variant
from hsiauto.settings import typed_path


@dataclass(frozen=True)
class SceneFiles:
    """The files of a scene on this machine, or of a variant of it. Their checksums are right."""

    cube: Path
    labels: Path
    variant: Variant | None = None


def data_folder(data_dir: Path | None) -> Path:
    """`data_dir`, else the environment's HSIAUTO_DATA, else ~/.cache/hsiauto. It need not exist."""
    folder: Path = typed_path(data_dir or os.environ.get("HSIAUTO_DATA") or "~/.cache/hsiauto")
    return folder


def sha256(path: Path) -> str:
    """Checksum of a file, streamed. Raises UserError for a pipe, a device and what may not be read."""
    with regular_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(scene: RegisteredScene, folder: Path) -> SceneFiles | None:
    """Search `folder` and all below it: the scene itself, else a variant; None if files are missing.

    Raises UserError if a file is there but has another checksum.
    """
    assert scene.cube is not None
    assert scene.labels is not None
    here = by_name(scene, folder)
    labels = checked(scene.labels, here)
    if labels is None:
        return None
    if cube := checked(scene.cube, here):
        return SceneFiles(cube, labels)
    for variant in scene.variants:
        if cube := checked(variant.cube, here):
            return SceneFiles(cube, labels, variant)
    return None


def by_name(scene: RegisteredScene, folder: Path) -> dict[str, list[Path]]:
    """File name -> paths, for every file of the scene and its variants below `folder`, in a fixed order."""
    files = [scene.cube, scene.labels, *(variant.cube for variant in scene.variants)]
    wanted = {name for file in files if file for name in file.names}
    here: dict[str, list[Path]] = {}
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(wanted.intersection(names)):
            here.setdefault(name, []).append(Path(root, name))
    return here


def checked(file: RegisteredFile, here: dict[str, list[Path]]) -> Path | None:
    """The first path whose checksum is right. Raises UserError if there are paths but none is right."""
    paths = [path for name in file.names for path in here.get(name, [])]
    if not paths or file.sha256 is None:
        return paths[0] if paths else None
    received = {}
    for path in paths:
        received[path] = sha256(path)
        if received[path] == file.sha256:
            return path
    path, got = next(iter(received.items()))
    raise UserError(
        f"{path} must have sha256 {file.sha256}",
        f"sha256 {got}",
        "Delete it and get it again, or name it by its path, with `labels`, if it is another scene",
    )


def instructions(scene: RegisteredScene, folder: Path, failed: Iterable[str] = ()) -> UserError:
    """The error for a scene whose files are missing: their names, their folder and their sources."""
    assert scene.cube is not None
    assert scene.labels is not None
    files = [scene.cube, scene.labels]
    wanted = "; ".join(_describe(file) for file in files)
    remedy = f"Put these files into {folder} (any subfolder), or name their folder in `data_dir`: {wanted}"
    remedy += f". {scene.terms} " if not scene.downloadable else ". "
    if scene.page:
        remedy += f"See {scene.page}"
    here = by_name(scene, folder)
    present = [paths[0].name for file in files for name in file.names if (paths := here.get(name))]
    received = f"{', '.join(present) or 'none of them'} in {folder}"
    causes = list(failed)
    if causes:
        received += f", and no download ({'; '.join(causes)})"
    return UserError(f"{scene.name} needs its two files", received, remedy)


def _describe(file: RegisteredFile) -> str:
    text = file.file
    if file.also:
        text += f" (or {', '.join(file.also)})"
    if file.sha256:
        text += f" (sha256 {file.sha256})"
    return f"{text} from {' or '.join(file.urls)}" if file.urls else text

"""The work of `hsiauto datasets`: lists the known scenes, fetches and verifies their files."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.scene.registry.answering import told
from hsiauto.scene.registry.download import DownloadError, Progress, download
from hsiauto.scene.registry.known import RegisteredScene, known_scenes
from hsiauto.scene.registry.locate import by_name, checked, data_folder, instructions


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    name: str
    title: str
    shape: tuple[int, int, int] | None
    n_classes: int | None
    present: str
    """`yes`, `built in`, `variant <name>`, `labels only`, `no`, or `no (on request)` if there is no download."""
    sources: str
    """How many sources a download has, and how many of them answered when that was last checked."""


def find(name: str) -> RegisteredScene:
    """The scene of that name. Raises UserError with the names that come close."""
    scenes = known_scenes()
    if name in scenes:
        return scenes[name]
    close = difflib.get_close_matches(name.lower(), scenes, n=3, cutoff=0.5)
    remedy = f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(scenes)}"
    raise UserError("`dataset` is a known scene, demo, simulated:LABELS or a file", repr(name), remedy)


def list_datasets(data_dir: Path | None = None) -> list[Row]:
    """A row for each known scene; presence goes by file names, `verify` by checksums."""
    folder = data_folder(data_dir)
    return [
        Row(scene.name, scene.title, scene.shape, scene.n_classes, _present(scene, folder), told(scene))
        for scene in known_scenes().values()
    ]


def fetch(name: str, data_dir: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """Download what is missing of a scene into `<data folder>/<name>/`; the paths of its cube and labels.

    Raises UserError, with instructions, if no source answers or the scene is given out on request only.
    """
    scene = find(name)
    if scene.cube is None or scene.labels is None:
        raise UserError("only scenes with files can be fetched", name, "It is built in: use it as it is")
    folder = data_folder(data_dir)
    here = by_name(scene, folder)
    paths = []
    for file in (scene.labels, scene.cube):  # the small one first: a dead network shows at once
        path = checked(file, here)
        if path is None:
            path = folder / scene.name / file.file
            if not file.urls:
                raise instructions(scene, folder)
            try:
                download(file, path, progress)
            except DownloadError as error:
                raise instructions(scene, folder, [str(error)]) from error
        paths.append(path)
    return paths[::-1]


def verify(name: str, data_dir: Path | None = None) -> list[Path]:
    """The files of a scene and its variants that are here, each with the right checksum.

    Raises UserError for a wrong checksum, and if no file or not enough of them is here.
    """
    scene = find(name)
    if scene.cube is None or scene.labels is None:
        return []
    folder = data_folder(data_dir)
    here = by_name(scene, folder)
    cubes = [checked(file, here) for file in (scene.cube, *(variant.cube for variant in scene.variants))]
    labels = checked(scene.labels, here)
    if labels is None or not any(cubes):
        raise instructions(scene, folder)
    without = [file for file in (scene.cube, scene.labels) if file.sha256 is None]
    if without:
        raise UserError(
            f"{name} has no published checksum", f"{len(without)} file(s) present", "Only shapes are checked"
        )
    return [path for path in (*cubes, labels) if path]


def _present(scene: RegisteredScene, folder: Path) -> str:
    if scene.cube is None or scene.labels is None:
        return "built in"
    here = by_name(scene, folder)
    has_labels = any(name in here for name in scene.labels.names)
    cubes = {None: scene.cube} | {variant.name: variant.cube for variant in scene.variants}
    for variant, cube in cubes.items():
        if has_labels and any(name in here for name in cube.names):
            return "yes" if variant is None else f"variant {variant}"
    if has_labels:
        return "labels only"
    return "no" if scene.downloadable else "no (on request)"

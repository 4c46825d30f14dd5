"""Where a map may be written: never onto what somebody still needs; and whether it can be, before work begins."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hsiauto.errors import UserError
from hsiauto.files import writing
from hsiauto.models.bundle import CARD, PREPROCESSING
from hsiauto.runs.folder import CONFIG, JOURNAL
from hsiauto.scene import registry
from hsiauto.scene.readers import products, vrt
from hsiauto.scene.readers.raster import ENVI_DATA_SUFFIXES
from hsiauto.scene.source import SIMULATED, SceneSource
from hsiauto.settings import local, typed_path

_ALONE = (".mat", ".npy", ".npz")
"""Types of files that a scene has no second one beside."""


def claim(files: Iterable[Path], source: SceneSource, overwrite: bool) -> None:
    """Make the folder of `files` if it is missing, and try to write there.

    Raises UserError if one of `files` is a file of the scene, lies in a bundle or a run folder, or is there and not to
    be overwritten; and for a folder that cannot be made or written.
    """
    files = [local(path) for path in files]
    inputs = {path.resolve() for path in _files_of(source) if path.exists()}
    for path in files:
        if os.path.lexists(path) and not path.is_file():
            what = "a folder" if path.is_dir() else "something else, or a link to nothing"
            raise UserError("a map is a file", f"{path}, {what}", "Name another one.")
        real = Path(os.path.realpath(path))  # unlike `resolve` also of a link to itself
        if real in inputs or any(path.exists() and path.samefile(one) for one in inputs):
            raise UserError("a map is not written onto the scene that it is made of", path, "Name another file.")
        for folder in real.parents:
            if what := _why_kept(folder):
                raise UserError(f"a map is not written into {what}", path, "Name a file elsewhere.")
        if path.exists() and not overwrite:
            raise UserError("a map replaces no file", path, "Name another one, or set `overwrite`.")
    for folder in {path.parent for path in files}:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass


def _why_kept(folder: Path) -> str:
    if (folder / CARD).is_file() and (folder / PREPROCESSING).is_file():
        return "a bundle"
    return "a run folder" if (folder / CONFIG).is_file() or (folder / JOURNAL).is_file() else ""


def _files_of(source: SceneSource) -> Iterator[Path]:
    """The files that the scene may be read from."""
    known = registry.known_scenes().get(source.dataset)
    if known is not None:
        if known.cube is not None and (found := registry.locate(known, registry.data_folder(source.data_dir))):
            yield from (found.cube, found.labels)
        return
    path: Path = typed_path(source.dataset.removeprefix(SIMULATED))
    yield path
    if path.suffix.lower() == ".vrt" and path.is_file():
        yield from vrt.parts(path)
    if path.is_file():
        yield from products.parts(path)
    if path.suffix.lower() not in _ALONE:
        yield from (path.with_name(path.name + suffix) for suffix in (".hdr", ".aux.xml", ".msk"))
        stem = path.with_suffix("")
        yield from (stem.with_name(stem.name + suffix) for suffix in (".hdr", *ENVI_DATA_SUFFIXES))

"""Writes a model's folder: whole or not at all."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors.numpy
import safetensors.torch

from hsiauto.errors import UserError
from hsiauto.files import writing
from hsiauto.models.applicability import Applicability
from hsiauto.models.bundle.content import (
    APPLICABILITY,
    CARD,
    MEMBERS,
    MODEL,
    OWN,
    PREPROCESSING,
    PROVENANCE,
    README,
    WEIGHTS,
    Card,
    write_manifest,
)
from hsiauto.models.bundle.provenance import Provenance
from hsiauto.models.bundle.readme import readme
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.classical import ClassicalFitted
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.smoothing import guide_arrays


def save_model(fitted: Fitted, folder: Path) -> None:
    """Write `fitted` into `folder`: whole or not at all; an older model there is replaced.

    Raises UserError for a reference, for a folder that holds anything else, and if it cannot be written.
    """
    with _atomic_folder(Path(folder)) as temporary:
        _write_model(fitted, temporary)


def model_files(fitted: Fitted) -> dict[str, bytes]:
    """The files of `save_model` as {name: content}, for a model on its way to another machine."""
    with tempfile.TemporaryDirectory(prefix="hsiauto-model-") as temporary:
        _write_model(fitted, Path(temporary))
        files = (path for path in sorted(Path(temporary).rglob("*")) if path.is_file())
        return {path.relative_to(temporary).as_posix(): path.read_bytes() for path in files}


def save_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write `model_files` of another process into `folder`, as `save_model` does."""
    with _atomic_folder(Path(folder)) as temporary:
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(content)


def save_bundle(
    fitted: Fitted, folder: Path, provenance: Provenance, applicability: Applicability | None = None
) -> None:
    """Write `fitted` with its provenance and its area into `folder`, as `save_model` does."""
    assert len(provenance.class_names) == fitted.n_classes, "a name for each output"
    with _atomic_folder(Path(folder)) as temporary:
        _write_model(fitted, temporary)
        (temporary / PROVENANCE).write_text(provenance.model_dump_json(indent=2) + "\n")
        (temporary / README).write_text(readme(fitted, provenance), encoding="utf-8")
        if applicability is not None:
            (temporary / APPLICABILITY).write_bytes(safetensors.numpy.save(applicability.arrays()))


def _write_model(fitted: Fitted, folder: Path) -> None:
    if isinstance(fitted, TorchFitted):
        (folder / WEIGHTS).write_bytes(safetensors.torch.save(fitted.weights()))
        arrays = {**fitted.projection.arrays(), **guide_arrays(fitted.guide)}
    elif isinstance(fitted, ClassicalFitted):
        import skops.io  # half a second of a processor, which a search does not need to begin

        skops.io.dump(fitted.estimator, folder / MODEL)
        arrays = {**fitted.features.arrays(), **guide_arrays(fitted.guide)}
    elif isinstance(fitted, EnsembleFitted):
        for i, member in enumerate(fitted.members):
            (folder / MEMBERS / str(i)).mkdir(parents=True)
            _write_model(member, folder / MEMBERS / str(i))
        arrays = guide_arrays(fitted.guide)
    else:
        raise UserError("a reference is never exported", fitted.config.family, "Export a family that is searched.")
    (folder / PREPROCESSING).write_bytes(safetensors.numpy.save(arrays))
    card = Card(config=fitted.config.active(), n_bands=fitted.n_bands, n_classes=fitted.n_classes)
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n")


@contextlib.contextmanager
def _atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`; on success it takes its place, on failure it vanishes."""
    with writing(folder):
        if folder.exists() and not {entry.relative_to(folder).as_posix() for entry in folder.rglob("*")} <= OWN:
            raise UserError("a model is not written into a folder with other files", folder, "Name another folder.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
        temporary.mkdir()
        try:
            yield temporary
            write_manifest(temporary)
            for path in filter(Path.is_file, temporary.rglob("*")):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            _take_place(temporary, folder)
        finally:
            if temporary.exists():
                shutil.rmtree(temporary)


def _take_place(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`. A folder cannot be renamed over a full one, so that steps aside first."""
    if not folder.exists():
        new.rename(folder)
        return
    old = new.with_name(new.name + "-old")
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    remove(old)


def remove(folder: Path) -> None:
    """Remove a folder, or the link to one."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)

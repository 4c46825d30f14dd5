"""A trained model as a folder. Nothing in it can execute code when it is loaded.

config.json                  format, family config, number of bands and classes
weights.safetensors          torch families
model.skops                  scikit-learn families; beyond skops' own list only sklearn.tree._tree.Tree is trusted
preprocessing.safetensors    fitted on training pixels
provenance.json              exported bundles: the origin of the model and the names of its classes
"""

import contextlib
import json
import os
import secrets
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import safetensors.numpy
import safetensors.torch
import skops.io
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.families.base import ClassicalConfig, TorchConfig
from hsiauto.files import writing
from hsiauto.models.features import Features
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.classical import ClassicalFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import guide_arrays, guide_from_arrays

FORMAT = 1
TRUSTED = ("sklearn.tree._tree.Tree",)
CARD, WEIGHTS, MODEL = "config.json", "weights.safetensors", "model.skops"
PREPROCESSING, PROVENANCE = "preprocessing.safetensors", "provenance.json"
FILES = frozenset({CARD, WEIGHTS, MODEL, PREPROCESSING, PROVENANCE})

_DAMAGE: tuple[type[Exception], ...] = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, ImportError, RuntimeError, EOFError, OSError),
    *(zipfile.BadZipFile, zlib.error, safetensors.SafetensorError),
)
"""Errors that the parsers of a model file raise on other bytes; skops' refusal of a type is a TypeError."""


class Provenance(BaseModel):
    """The origin of a model and the meaning of its outputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: dict[str, str]
    """hsiauto, Python and the packages that can change a number."""
    git_commit: str | None
    dataset: str
    data_hash: str
    split_hash: str
    protocol: str
    seed: int
    class_names: tuple[str, ...] = Field(min_length=1)
    """Names of the model's outputs, in order."""
    label_values: tuple[Annotated[int, Field(ge=0)], ...]
    """The value of each class in the user's label map; maps are written in these."""
    class_colours: tuple[Annotated[str, Field(pattern="^[0-9a-f]{6}$")], ...] = ()
    """The colour of each class, red, green and blue in hexadecimal digits; empty: those of the palette."""
    wavelengths_nm: tuple[float, ...] | None = None
    rgb_bands: tuple[int, int, int] | None = None
    """0-based bands for a false-colour picture."""
    test_scores: dict[str, float] = Field(default_factory=dict)
    """Test scores of this very model, e.g. {"oa": 0.98, "aa": 0.97, "kappa": 0.98}."""
    created_at: str
    """ISO 8601, UTC."""

    @model_validator(mode="after")
    def _tells_of_each_class(self) -> Self:
        n_classes = len(self.class_names)
        if len(set(self.label_values)) != n_classes or len(self.label_values) != n_classes:
            raise ValueError("each class has a label value of its own")
        if len(self.class_colours) not in (0, n_classes):
            raise ValueError("each class has a colour, or none has one")
        return self


@dataclass(frozen=True)
class Bundle:
    """A model that its user can trace."""

    fitted: Fitted
    provenance: Provenance


class _Card(BaseModel):
    """config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    config: dict[str, Any]
    n_bands: int = Field(ge=1)
    n_classes: int = Field(ge=1)


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
        return {path.name: path.read_bytes() for path in sorted(Path(temporary).iterdir())}


def save_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write `model_files` of another process into `folder`, as `save_model` does."""
    with _atomic_folder(Path(folder)) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def save_bundle(fitted: Fitted, folder: Path, provenance: Provenance) -> None:
    """Write `fitted` with its provenance into `folder`, as `save_model` does."""
    assert len(provenance.class_names) == fitted.n_classes, "a name for each output"
    with _atomic_folder(Path(folder)) as temporary:
        _write_model(fitted, temporary)
        (temporary / PROVENANCE).write_text(provenance.model_dump_json(indent=2) + "\n")


def load_model(folder: Path) -> Fitted:
    """The model in `folder`, on the CPU; its probabilities are those of the saved one, to the last bit.

    Raises UserError for a folder that holds no model, a damaged one, one of another format, or one that holds more than
    arrays and known scikit-learn types.
    """
    folder = Path(folder)
    card = _card(folder / CARD)
    config = config_from(card.config)
    if isinstance(config, TorchConfig):
        arrays = _read(folder / PREPROCESSING, safetensors.numpy.load_file)
        weights = _read(folder / WEIGHTS, safetensors.torch.load_file)
        with _whole(folder):
            projection = Projection.from_arrays(arrays)
            guide = guide_from_arrays(config, arrays)
            fitted = TorchFitted.from_parts(config, projection, weights, card.n_bands, card.n_classes, guide)
            _agree(projection.n_bands == card.n_bands, "bands of config and preprocessing")
            _agree(guide is None or guide.n_bands == card.n_bands, "bands of config and guide")
        return fitted
    if isinstance(config, ClassicalConfig):
        arrays = _read(folder / PREPROCESSING, safetensors.numpy.load_file)
        estimator = _read(folder / MODEL, _load_estimator)
        with _whole(folder):
            features = Features.from_arrays(config, arrays)
            guide = guide_from_arrays(config, arrays)
            _agree(features.projection.n_bands == card.n_bands, "bands of config and preprocessing")
            _agree(guide is None or guide.n_bands == card.n_bands, "bands of config and guide")
            _agree(estimator.n_features_in_ == len(features.scale), "features of model and preprocessing")
            _agree(min(estimator.classes_) >= 0 and max(estimator.classes_) < card.n_classes, "classes")
        return ClassicalFitted(config, features, estimator, card.n_bands, card.n_classes, guide)
    raise UserError("a bundle holds a torch or a classical family", f"{config.family!r} in {folder}", _AGAIN)


def load_bundle(folder: Path) -> Bundle:
    """The model in `folder` with its provenance. Raises UserError as `load_model` does."""
    folder = Path(folder)
    fitted = load_model(folder)
    provenance = _read(folder / PROVENANCE, lambda path: Provenance.model_validate_json(path.read_bytes()))
    with _whole(folder):
        _agree(len(provenance.class_names) == fitted.n_classes, "classes of model and provenance")
    return Bundle(fitted, provenance)


_AGAIN = "Export the model again, or name the folder `bundle` of a finished run."


def _write_model(fitted: Fitted, folder: Path) -> None:
    if isinstance(fitted, TorchFitted):
        (folder / WEIGHTS).write_bytes(safetensors.torch.save(fitted.weights()))
        arrays = {**fitted.projection.arrays(), **guide_arrays(fitted.guide)}
    elif isinstance(fitted, ClassicalFitted):
        skops.io.dump(fitted.estimator, folder / MODEL)
        arrays = {**fitted.features.arrays(), **guide_arrays(fitted.guide)}
    else:
        raise UserError("a reference is never exported", fitted.config.family, "Export a torch or a classical family.")
    (folder / PREPROCESSING).write_bytes(safetensors.numpy.save(arrays))
    card = _Card(config=fitted.config.active(), n_bands=fitted.n_bands, n_classes=fitted.n_classes)
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n")


def _card(path: Path) -> _Card:
    content = _read(path, lambda path: json.loads(path.read_bytes()))
    if not isinstance(content, dict) or "format" not in content:
        raise UserError("config.json must describe a model", path, _AGAIN)
    if content["format"] != FORMAT:
        raise UserError(
            f"a model must have format {FORMAT}",
            f"format {content['format']!r} in {path}",
            "Use the version of hsiauto that wrote it.",
        )
    with _whole(path):
        return _Card.model_validate(content)


def _load_estimator(path: Path) -> Any:
    return skops.io.load(path, trusted=list(TRUSTED))


def _read(path: Path, parse: Callable[[Path], Any]) -> Any:
    """The parsed file, or a UserError that names it."""
    if not path.is_file():
        raise UserError("a model's folder must hold " + path.name, f"{path.parent}, which does not", _AGAIN)
    with _whole(path):
        return parse(path)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError("a model's files must be whole and hsiauto's own", f"{path} ({reason})", _AGAIN) from error


def _agree(agrees: bool, what: str) -> None:
    if not agrees:
        raise ValueError(f"{what} disagree")


@contextlib.contextmanager
def _atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`; on success it takes its place, on failure it vanishes."""
    with writing(folder):
        if folder.exists() and not {entry.name for entry in folder.iterdir()} <= FILES:
            raise UserError("a model is not written into a folder with other files", folder, "Name another folder.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
        temporary.mkdir()
        try:
            yield temporary
            for path in temporary.iterdir():
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
    shutil.rmtree(old)

"""Reads a model's folder, which may come from anywhere."""

import contextlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import safetensors.torch
import torch
from pydantic_core import from_json

from hsiauto.errors import UserError, shown
from hsiauto.families import config_from
from hsiauto.families.base import ClassicalConfig, FamilyConfig, SmoothedConfig, TorchConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.files import check_json
from hsiauto.models.applicability import Applicability
from hsiauto.models.bundle.content import (
    AGAIN,
    APPLICABILITY,
    CARD,
    FORMAT,
    MEMBERS,
    MODEL,
    PREPROCESSING,
    PROVENANCE,
    WEIGHTS,
    Card,
    read_files,
)
from hsiauto.models.bundle.estimator import load_estimator, why_foreign
from hsiauto.models.bundle.provenance import Bundle, Provenance
from hsiauto.models.features import Features
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.classical import ClassicalFitted
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import guide_arrays, guide_from_arrays

_DAMAGE: tuple[type[Exception], ...] = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, ImportError, RuntimeError, EOFError, OSError),
    *(MemoryError, OverflowError, zipfile.BadZipFile, zlib.error, safetensors.SafetensorError),
)
"""Errors that the parsers of a model file raise on other bytes; skops' refusal of a type is a TypeError."""

Arrays = Mapping[str, npt.NDArray[np.float32]]


def load_model(folder: Path) -> Fitted:
    """The model in `folder`, on the CPU; its probabilities are those of the saved one, to the last bit.

    Raises UserError for a folder that holds no model, a changed or damaged one, one of another format, and one that
    holds more than finite arrays and what the family of its config trains.
    """
    folder = Path(folder)
    return _model(folder, read_files(folder))


def load_bundle(folder: Path) -> Bundle:
    """The model in `folder` with its provenance and its area. Raises UserError as `load_model` does."""
    folder = Path(folder)
    files = read_files(folder)
    fitted = _model(folder, files)
    with _whole(folder / PROVENANCE):
        provenance = Provenance.model_validate_json(check_json(_content(folder, files, PROVENANCE), PROVENANCE))
        _agree(len(provenance.class_names) == fitted.n_classes, "classes of model and provenance")
        _agree(len(provenance.wavelengths_nm or range(fitted.n_bands)) == fitted.n_bands, "bands and wavelengths")
        ranges = provenance.value_range or ()
        _agree(all(len(ends) == fitted.n_bands for ends in ranges), "bands and range of values")
        dropped = provenance.dropped_bands
        file_bands = fitted.n_bands + len(dropped)
        _agree(len({*dropped}) == len(dropped) and max(dropped, default=0) < file_bands, "bands of model and file")
        rgb_bands = provenance.rgb_bands or (0,)
        _agree(min(rgb_bands) >= 0 and max(rgb_bands) < fitted.n_bands, "bands of model and picture")
    return Bundle(fitted, provenance, _applicability(folder, files, fitted), folder)


def _applicability(folder: Path, files: Mapping[str, bytes], fitted: Fitted) -> Applicability | None:
    if APPLICABILITY not in files:
        return None
    with _whole(folder / APPLICABILITY):
        arrays = _float_arrays(files[APPLICABILITY], "applicability")
        found = Applicability.from_arrays(arrays, fitted)
        _alike(arrays, found.arrays())
        return found


def _model(folder: Path, files: Mapping[str, bytes], member: FamilyConfig | None = None) -> Fitted:
    """`member`: the config that an ensemble says the model has."""
    card = _card(folder / CARD, _content(folder, files, CARD))
    config = config_from(card.config)
    with _whole(folder / CARD):
        _agree(member in (None, config), "configs of ensemble and member")
    if not isinstance(config, TorchConfig | ClassicalConfig | EnsembleConfig):
        raise UserError(
            "a bundle holds a family that is searched, or an ensemble", f"{config.family!r} in {folder}", AGAIN
        )
    with _whole(folder / PREPROCESSING):
        arrays = _float_arrays(_content(folder, files, PREPROCESSING), "preprocessing")
    if isinstance(config, EnsembleConfig):
        return _ensemble(folder, files, card, config, arrays)
    if isinstance(config, TorchConfig):
        return _torch(folder, files, card, config, arrays)
    return _classical(folder, files, card, config, arrays)


def _torch(folder: Path, files: Mapping[str, bytes], card: Card, config: TorchConfig, arrays: Arrays) -> Fitted:
    with _whole(folder):
        projection = Projection.from_arrays(arrays)
        guide = _guide(card, config, arrays)
        _agree(projection.n_bands == card.n_bands, "bands of config and preprocessing")
        _alike(arrays, {**projection.arrays(), **guide_arrays(guide)})
    with _whole(folder / WEIGHTS):
        weights = safetensors.torch.load(_content(folder, files, WEIGHTS))
        _finite((name, tensor) for name, tensor in weights.items() if tensor.is_floating_point())
        fitted = TorchFitted.from_parts(config, projection, weights, card.n_bands, card.n_classes, guide)
        _alike(weights, fitted.module.state_dict())
        return fitted


def _classical(folder: Path, files: Mapping[str, bytes], card: Card, config: ClassicalConfig, arrays: Arrays) -> Fitted:
    with _whole(folder):
        features = Features.from_arrays(config, arrays)
        guide = _guide(card, config, arrays)
        _agree(features.projection.n_bands == card.n_bands, "bands of config and preprocessing")
        _agree(bool((features.scale != 0).all()), "scale and the division by it")
        _alike(arrays, {**features.arrays(), **guide_arrays(guide)})
    with _whole(folder / MODEL):
        estimator = load_estimator(_content(folder, files, MODEL))
        if why := why_foreign(config, estimator, len(features.scale), card.n_classes):
            raise ValueError(why)
        return ClassicalFitted(config, features, estimator, card.n_bands, card.n_classes, guide)


def _ensemble(folder: Path, files: Mapping[str, bytes], card: Card, config: EnsembleConfig, arrays: Arrays) -> Fitted:
    with _whole(folder):
        guide = _guide(card, config, arrays)
        _alike(arrays, guide_arrays(guide))
    members = []
    for i, part in enumerate(config.parts):
        own = f"{MEMBERS}/{i}/"
        its = {name.removeprefix(own): content for name, content in files.items() if name.startswith(own)}
        member = _model(folder / own, its, part)
        with _whole(folder / own):
            _agree(member.n_bands == card.n_bands, "bands of ensemble and member")
            _agree(member.n_classes == card.n_classes, "classes of ensemble and member")
        members.append(member)
    return EnsembleFitted(config, tuple(members), guide)


def _guide(card: Card, config: SmoothedConfig, arrays: Arrays) -> Projection | None:
    guide = guide_from_arrays(config, arrays)
    _agree(guide is None or guide.n_bands == card.n_bands, "bands of config and guide")
    return guide


def _card(path: Path, text: bytes) -> Card:
    content = from_json(check_json(text, str(path)))
    if not isinstance(content, dict) or "format" not in content:
        raise UserError("config.json must describe a model", path, AGAIN)
    if content["format"] != FORMAT:
        received = f"format {content['format']!r:.20} in {path}"
        raise UserError(f"a model must have format {FORMAT}", received, "Use the version of hsiauto that wrote it.")
    with _whole(path):
        return Card.model_validate(content)


def _float_arrays(content: bytes, what: str) -> Arrays:
    arrays: Arrays = safetensors.numpy.load(content)
    _agree(all(array.dtype == np.float32 for array in arrays.values()), f"types of {what} and float32")
    _finite(arrays.items())
    return arrays


def _content(folder: Path, files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise UserError("a model's folder must hold " + name, f"{folder}, which does not", AGAIN)
    return files[name]


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError("a model's files must be whole and hsiauto's own", f"{path} ({reason})", AGAIN) from error


def _agree(agrees: bool, what: str) -> None:
    if not agrees:
        raise ValueError(f"{what} disagree")


def _alike(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise ValueError unless both hold arrays of the same names and types."""
    if found.keys() != expected.keys():
        raise ValueError(f"what only file or family has: {shown(min(found.keys() ^ expected.keys()))}")
    for name, array in expected.items():
        _agree(found[name].dtype == array.dtype, f"the type of {name} and its family")


def _finite(arrays: Iterable[tuple[str, npt.NDArray[np.generic] | torch.Tensor]]) -> None:
    for name, array in arrays:
        if not bool(torch.isfinite(torch.as_tensor(array)).all()):
            raise ValueError(f"NaN or infinite numbers in {name}")

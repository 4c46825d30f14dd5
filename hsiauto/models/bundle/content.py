"""The files of a bundle: their names, the card, and the manifest by which a changed file is found."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hsiauto.errors import UserError, shown
from hsiauto.families.ensemble import MOST_MEMBERS
from hsiauto.files import read_json, regular_file
from hsiauto.scene.memory import require

FORMAT = 2
CARD, WEIGHTS, MODEL = "config.json", "weights.safetensors", "model.skops"
PREPROCESSING, PROVENANCE, MANIFEST = "preprocessing.safetensors", "provenance.json", "manifest.json"
README = "README.md"
APPLICABILITY = "applicability.safetensors"
MEMBERS = "members"
_OF_A_MODEL = {CARD, WEIGHTS, MODEL, PREPROCESSING}
_FOLDERS = {f"{MEMBERS}/{i}" for i in range(MOST_MEMBERS)}
FILES = frozenset(
    {
        *_OF_A_MODEL,
        PROVENANCE,
        README,
        APPLICABILITY,
        *(f"{folder}/{name}" for folder in _FOLDERS for name in _OF_A_MODEL),
    }
)
OWN = FILES | _FOLDERS | {MANIFEST, MEMBERS}
"""What may lie in a model's folder, folders too."""
AGAIN = "Export the model again, or name the folder `bundle` of a finished run."
_LARGEST_MANIFEST = 1 << 16
_LARGEST_JSON = 1 << 26
_COPIES = 2
"""Of a file: its bytes, and what is made of them."""
MAX_BANDS, MAX_CLASSES = 100_000, 1000


class Card(BaseModel):
    """config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=FORMAT, ge=0, le=1000)
    config: dict[str, Any]
    n_bands: int = Field(ge=1, le=MAX_BANDS)
    n_classes: int = Field(ge=1, le=MAX_CLASSES)


class _Manifest(BaseModel):
    """manifest.json."""

    model_config = ConfigDict(extra="forbid")

    sha256: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


def write_manifest(folder: Path) -> None:
    """Write the checksums of what lies in `folder`."""
    sums = {name: _sha256((folder / name).read_bytes()) for name in sorted(FILES) if (folder / name).is_file()}
    (folder / MANIFEST).write_text(json.dumps({"sha256": sums}, indent=2) + "\n")


def read_files(folder: Path) -> dict[str, bytes]:
    """{name: content} of a model's files, each of which is what the manifest says; they are read once.

    Raises UserError for a folder that is no model, and for a file that is missing, changed, or not in the manifest.
    """
    for name in (CARD, MANIFEST):
        _require(folder / name)
    if (size := (folder / MANIFEST).stat().st_size) > _LARGEST_MANIFEST:
        raise UserError(f"{MANIFEST} has at most {_LARGEST_MANIFEST:,} bytes", f"{size:,} in {folder}", AGAIN)
    try:
        sums = _Manifest.model_validate_json(read_json(folder / MANIFEST)).sha256
    except ValidationError as error:
        raise UserError("a model's manifest must hold checksums", folder / MANIFEST, AGAIN) from error
    if strange := sorted(set(sums) - FILES):
        raise UserError("a model's manifest names the files of a model", f"{shown(strange[0])} in {folder}", AGAIN)
    if extra := sorted(name for name in FILES - set(sums) if (folder / name).exists()):
        raise UserError("every file of a model is in its manifest", f"{folder / extra[0]}, which is not", AGAIN)
    files = {}
    for name, expected in sums.items():
        _require(folder / name)
        if (size := (folder / name).stat().st_size) > _LARGEST_JSON and name.endswith(".json"):
            raise UserError(f"{name} has at most {_LARGEST_JSON:,} bytes", f"{size:,} in {folder}", AGAIN)
        require(_COPIES * size, str(folder / name), AGAIN)
        files[name] = regular_file(folder / name).read_bytes()
        if _sha256(files[name]) != expected:
            received = f"{folder / name}, which was changed or damaged: its sha256 is not that of the manifest"
            raise UserError("a model's files must be those that were exported", received, AGAIN)
    return files


def _require(path: Path) -> None:
    if not path.is_file():
        raise UserError("a model's folder must hold " + path.name, f"{path.parent}, which does not", AGAIN)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

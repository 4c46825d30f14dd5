"""split.npz: a split on disk. Positions, spec and classes; no label."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.files import atomic_path, check_json, regular_file
from hsiauto.scene.model import Part
from hsiauto.scene.readers import numpy_file
from hsiauto.split.make import split_hash
from hsiauto.split.model import HeldOut, Split, SplitSpec
from hsiauto.split.seal import alike

_SETS = ("train", "val", "pool", "test")
_TEST_GROUPS = "test_groups"


def save_split(split: Split, path: Path, groups: npt.NDArray[np.integer] | None = None) -> None:
    """Write `split` atomically, as a NumPy archive that needs no pickle. `path` ends in .npz. groups (H, W): of the
    scene; those of test pixels are kept beside a split by groups."""
    header = {
        "spec": split.spec.model_dump(mode="json"),
        "shape": split.shape,
        "classes": split.classes,
        "left_out": split.left_out,
        "hash": split.hash,
        "parts": split.parts,
        "held_out": split.held_out,
    }
    sets = {name: getattr(split, name) for name in _SETS}
    if split.spec.by_groups and groups is not None:
        sets[_TEST_GROUPS] = alike(split, groups)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, header=np.array(json.dumps(header)), **sets)


def load_split(path: Path) -> Split:
    """Read what `save_split` wrote and check its hash. Raises UserError for anything else."""
    regular_file(path)
    try:
        header = json.loads(check_json(str(numpy_file.read(path, "header").array).encode(), "its header"))
        sets = {name: numpy_file.read(path, name).array.astype(np.int64, casting="safe") for name in _SETS}
        split = Split(
            spec=SplitSpec.model_validate(header["spec"]),
            shape=(int(header["shape"][0]), int(header["shape"][1])),
            classes=tuple(int(k) for k in header["classes"]),
            left_out=tuple((int(k), str(why)) for k, why in header["left_out"]),
            hash=str(header["hash"]),
            parts=tuple(Part(str(name), *map(int, place)) for name, *place in header["parts"]),
            held_out=_held_out(header["held_out"]),
            **sets,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:  # pydantic's is a ValueError too
        raise UserError("a split must be readable", f"{path}: {error}", "Restore the file, or start anew.") from error
    found = split_hash(split.spec, split.shape, split.train, split.val, split.pool, split.test, split.classes)
    if found != split.hash:
        raise UserError(
            f"the sets in {path} must have the hash stored with them, {split.hash}",
            found,
            "The file was changed; restore it, or start anew.",
        )
    return split


def load_alike(path: Path, split: Split) -> npt.NDArray[np.int64]:
    """(N,) `seal.alike` of `split`, which is stored at `path`. Raises UserError if its groups are not."""
    if not split.spec.by_groups:
        return alike(split)
    try:
        groups = numpy_file.read(path, _TEST_GROUPS).array.astype(np.int64, casting="safe")
        if groups.shape != split.test.shape:
            raise ValueError(f"{_TEST_GROUPS} of shape {groups.shape}")
    except (KeyError, TypeError, ValueError) as error:
        rule = "a split by groups is stored with the group of each test pixel"
        raise UserError(rule, f"{path}: {error}", "Restore the file, or start anew.") from error
    return groups


def _held_out(stored: list[Any] | None) -> HeldOut | None:
    if stored is None:
        return None
    scene, in_turn, whole, reach = stored
    return HeldOut(str(scene), tuple(map(str, in_turn)), bool(whole), int(reach))

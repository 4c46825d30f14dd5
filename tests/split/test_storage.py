"""split.npz: round trip and faults."""

import json
from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene import memory
from hsiauto.split import Split, SplitSpec, load_split, make_split, save_split
from tests.split.maps import fields


@pytest.fixture
def split() -> Split:
    labels = fields(64, 64)
    labels[0, 1] = 5
    spec = SplitSpec(protocol="random", train_map=Path("a/train.mat"), seed=3)
    return make_split(labels, spec)


@pytest.fixture
def path(split: Split, tmp_path: Path) -> Path:
    save_split(split, tmp_path / "split.npz")
    return tmp_path / "split.npz"


def test_round_trip(split: Split, path: Path) -> None:
    loaded = load_split(path)
    assert loaded == split
    assert loaded.left_out
    for name in ("train", "val", "pool", "test"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(split, name))
        assert getattr(loaded, name).dtype == np.int64


def test_nothing_in_it_needs_pickle_or_tells_a_label(path: Path) -> None:
    with np.load(path, allow_pickle=False) as archive:
        assert set(archive.files) == {"header", "train", "val", "pool", "test"}
        told = {"spec", "shape", "classes", "left_out", "hash", "parts", "held_out"}
        assert set(json.loads(str(archive["header"]))) == told


@pytest.mark.parametrize("changed", ["train", "val", "pool", "test", "classes"])
def test_a_changed_set_is_found(path: Path, changed: str) -> None:
    with np.load(path) as archive:
        parts = dict(archive)
    if changed == "classes":
        header = json.loads(str(parts["header"]))
        header["classes"] = header["classes"][:-1]
        parts["header"] = np.array(json.dumps(header))
    else:
        parts[changed] = parts[changed][:-1]
    np.savez(path, **parts)
    with pytest.raises(UserError, match="must have the hash stored with them"):
        load_split(path)


@pytest.mark.parametrize("damage", ["truncated", "headless", "empty", "foreign"])
def test_a_damaged_file_is_an_error_that_names_it(path: Path, damage: str) -> None:
    whole = path.read_bytes()
    damaged = {"truncated": whole[: len(whole) // 2], "headless": whole[9:], "empty": b"", "foreign": b"no archive"}
    path.write_bytes(damaged[damage])
    with pytest.raises(UserError, match=r"split\.npz"):
        load_split(path)


def test_a_pickle_is_not_opened(path: Path) -> None:
    np.savez(path, header=np.array([{}], dtype=object))
    with pytest.raises(UserError, match=r"split\.npz"):
        load_split(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a file that can be read"):
        load_split(tmp_path / "split.npz")


def test_sets_that_unpack_to_more_than_memory_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = dict(np.load(path))
    np.savez_compressed(path, **{**sets, "train": np.zeros(1_000_000, np.int64)})
    monkeypatch.setattr(memory, "available", lambda: 7_999_999)
    with pytest.raises(UserError, match=r"train of .*split\.npz must fit into memory"):
        load_split(path)

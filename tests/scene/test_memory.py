"""Scenes larger than memory: refused by their headers before a byte is read, or read from the disk as they are used."""

import errno
import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import scipy.io
import torch

from hsiauto import runs
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.models.batches.cached_scene import cached_scene
from hsiauto.models.bundle import load_model
from hsiauto.models.bundle.content import WEIGHTS, read_files
from hsiauto.models.bundle.estimator import load_estimator
from hsiauto.models.predict import predict_scene
from hsiauto.runs.prepare import prepare
from hsiauto.scene import memory, open_scene, readers
from hsiauto.scene.assemble import assemble
from hsiauto.scene.bands import taken
from hsiauto.scene.readers.stored import Stored
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec
from tests.runs.test_class_map import bundled, write_scene
from tests.scene import fabricate as f
from tests.small_scene import fitted, small_data

HUGE = (200_000, 200_000, 300)
FITS = "must fit into memory"


def _npy(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    """The header of an array, and a little of it."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + bytes(1000)


def _npz(path: Path, shape: tuple[int, ...]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", _npy(shape))
    return path


def _padded(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def _mat5(path: Path, shape: tuple[int, ...], stored: int, name: bytes = b"data", compressed: bool = True) -> Path:
    """A v5 file of one array that says it has `stored` bytes, and has a few."""
    body = _padded(6, struct.pack("<II", 6, 0)) + _padded(5, struct.pack(f"<{len(shape)}i", *shape)) + _padded(1, name)
    body += struct.pack("<II", 9, stored) + bytes(1000)
    element = struct.pack("<II", 14, len(body)) + body
    if compressed:
        packed = zlib.compress(element)
        element = struct.pack("<II", 15, len(packed)) + packed
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + element)
    return path


def _mat73(path: Path, shape: tuple[int, ...]) -> Path:
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("data", shape=shape[::-1], dtype="f8", chunks=(1, 64, 64))
    return path


def _tif(path: Path, shape: tuple[int, ...]) -> Path:
    height, width, count = (min(side, 2**17) for side in shape)
    profile = {"height": height, "width": width, "count": count, "dtype": "float32", "sparse_ok": True}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, bigtiff="YES", compress="deflate", **profile):
        pass
    return path


BOMBS: dict[str, Callable[[Path], Path]] = {
    "npz": lambda folder: _npz(folder / "a.npz", HUGE),
    "npz beyond 64 bits": lambda folder: _npz(folder / "a.npz", (2**32, 2**32, 2**20)),
    "v5": lambda folder: _mat5(folder / "a.mat", (1000, 1000, 4000), 4_000_000_000),
    "v5 with a small shape": lambda folder: _mat5(folder / "a.mat", (5, 4, 3), 4_000_000_000),
    "v5 as it is": lambda folder: _mat5(folder / "a.mat", (1000, 1000, 4000), 4_000_000_000, compressed=False),
    "v7.3": lambda folder: _mat73(folder / "a.mat", HUGE),
    "sparse GeoTIFF": lambda folder: _tif(folder / "a.tif", HUGE),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_unpacks_to_more_than_memory_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: str
) -> None:
    path = BOMBS[bomb](tmp_path)
    assert path.stat().st_size < 20 << 20
    monkeypatch.setattr(memory, "available", lambda: 3_000_000_000)
    tracemalloc.start()
    with pytest.raises(UserError, match=FITS):
        readers.read(path, "cube")
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("form", f.WRITERS)
@pytest.mark.parametrize("role", ["cube", "labels"])
def test_only_mapped_formats_are_larger_than_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, role: readers.Role
) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 9, (40, 30, 200) if role == "cube" else (400, 300)).astype(np.uint16)
    path = f.write(tmp_path / "scene", form, array)
    monkeypatch.setattr(memory, "available", lambda: array.nbytes - 1)
    if role == "cube" and form in ("npy", "envi"):
        np.testing.assert_array_equal(readers.read(path, role).array, array)
    else:  # whatever the file, labels are numbered in memory
        with pytest.raises(UserError, match=FITS):
            readers.read(path, role)
    monkeypatch.setattr(memory, "available", lambda: 1 << 30)
    np.testing.assert_array_equal(readers.read(path, role).array.reshape(array.shape), array)


def test_an_envi_header_beyond_its_file_and_beyond_64_bits(tmp_path: Path) -> None:
    hdr = f.envi(tmp_path / "scene.img", f.cube())
    text = hdr.read_text()
    for field, value in (("lines", f.H), ("samples", f.W), ("bands", f.C)):
        text = text.replace(f"{field} = {value}", f"{field} = {2**31 - 1}").replace(
            f"{field}   = {value}", f"{field} = {2**31 - 1}"
        )
    hdr.write_text(text)
    with pytest.raises(UserError, match=r"whole GeoTIFF, ENVI|bytes of its header"):
        readers.read(hdr, "cube")


@pytest.mark.parametrize("shape", [(2**32, 2**32, 4), (2**21, 2**21, 2**22), (-4, -4, 4), HUGE])
def test_an_npy_whose_header_is_beyond_its_file(
    tmp_path: Path, shape: tuple[int, ...], recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "a.npy").write_bytes(_npy(shape))
    with pytest.raises(UserError, match="whole NumPy file"):
        readers.read(tmp_path / "a.npy", "cube")
    assert not recwarn.list


@pytest.mark.parametrize(
    "content",
    [
        lambda path, *_: _mat5(path, (5, 4, 3), 480_000),
        lambda path, *_: path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + bytes(1 << 20)),
        lambda path, *_: _mat5(path, (5, 4, 3), 480, name=b"n" * 3_000_000),
        lambda path, *_: path.write_bytes(struct.pack("<IIIII", 0, 2**31 - 1, 2**31 - 1, 0, 2**31 - 1)),
    ],
)
def test_a_matlab_file_that_lies_about_itself(tmp_path: Path, content: Callable[..., object]) -> None:
    content(tmp_path / "a.mat", (5, 4, 3), 480)
    with pytest.raises(UserError, match="whole MATLAB file"):
        readers.read(tmp_path / "a.mat", "cube")


def test_v5_files_of_every_kind_are_still_read(tmp_path: Path) -> None:
    more = {"text": "abc", "cell": np.array([{"a": 1}], object), "a": 1.0, "nested": {"b": {"c": [1, 2]}}}
    for compressed in (True, False):
        scipy.io.savemat(tmp_path / "a.mat", {**more, "cube": f.cube(), "n" * 31: 2}, do_compression=compressed)
        np.testing.assert_array_equal(readers.read(tmp_path / "a.mat", "cube").array, f.cube())
    scipy.io.savemat(tmp_path / "b.mat", {"gt": f.labels().astype(float)}, format="4")
    np.testing.assert_array_equal(readers.read(tmp_path / "b.mat", "labels").array, f.labels())


def test_copies_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    labels = Stored(np.repeat([1, 2], 200).reshape(20, 20))
    cube = rng.random((20, 20, 100), np.float32)
    monkeypatch.setattr(memory, "available", lambda: cube.nbytes // 2)
    assert assemble("scene", Stored(cube), labels).cube is cube
    for other in (Stored(np.asfortranarray(cube)), Stored(cube.astype(">f4"))):
        with pytest.raises(UserError, match=f"copy of the cube.*{FITS}"):
            assemble("scene", other, labels)
    with pytest.raises(UserError, match=f"bands to keep {FITS}"):
        assemble("scene", Stored(cube), labels, drop_bands=(1,))
    with pytest.raises(UserError, match=f"model's bands {FITS}"):
        taken(cube, [0, *range(2, 99)], axis=2)


def test_a_memory_error_is_the_users_to_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f.npz(tmp_path / "a.npz", f.cube())

    def full(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 3 TiB")

    monkeypatch.setattr(np.lib.format, "read_array", full)
    with pytest.raises(UserError, match=f"{FITS}; received Unable to allocate 3 TiB"):
        readers.read(path, "cube")
    monkeypatch.setattr(runs.class_map, "load_bundle", full)
    with pytest.raises(UserError, match=FITS):
        runs.predict(tmp_path, path, tmp_path / "map.npy")


def test_a_scene_larger_than_memory_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cube_path, labels_path = write_scene(tmp_path)
    bundled(cube_path, labels_path, tmp_path / "bundle")
    cube = np.tile(np.load(cube_path), (100, 1, 1))
    np.save(tmp_path / "large.npy", cube)
    np.savez(tmp_path / "large.npz", cube=cube)
    monkeypatch.setattr(memory, "available", lambda: cube.nbytes // 2)
    shares = runs.predict(tmp_path / "bundle", tmp_path / "large.npy", tmp_path / "map.npy").classes
    assert sum(one.share for one in shares) == pytest.approx(1)
    assert np.load(tmp_path / "map.npy").shape == cube.shape[:2]
    with pytest.raises(UserError, match=FITS):
        runs.predict(tmp_path / "bundle", tmp_path / "large.npz", tmp_path / "other.npy")


def test_a_map_that_memory_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data()
    model = fitted("svm", data)
    monkeypatch.setattr(memory, "available", lambda: data.valid.size * 20)
    predict_scene(model, data.cube, data.valid)
    with pytest.raises(UserError, match=f"map of a scene {FITS}"):
        predict_scene(model, data.cube, data.valid, keep_probabilities=True)


def test_a_run_needs_the_cube_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cube_path, labels_path = write_scene(tmp_path)
    np.save(cube_path, np.tile(np.load(cube_path), (1, 1, 10)))
    config = RunConfig(
        scene=SceneSource(dataset=str(cube_path), labels=labels_path),
        split=SplitSpec(protocol="random", train_fraction=0.5),
    )
    monkeypatch.setattr(memory, "available", lambda: cube_path.stat().st_size // 2)
    with pytest.raises(UserError, match=f"workers share {FITS}"):
        prepare(config)


def test_a_trial_needs_the_preprocessed_cube_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data()
    monkeypatch.setattr(memory, "available", lambda: data.cube.nbytes - 1)
    with pytest.raises(UserError, match=f"preprocessed cube {FITS}"):
        cached_scene(Cnn1dConfig(), data, torch.device("cpu"))
    monkeypatch.setattr(memory, "available", lambda: data.cube.nbytes)
    assert cached_scene(Cnn1dConfig(), data, torch.device("cpu")).cube.shape == data.cube.shape


def test_a_simulation_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "labels.npy", np.repeat([1, 2], 5000).reshape(100, 100))
    monkeypatch.setattr(memory, "available", lambda: 5_000_000)
    with pytest.raises(UserError, match=f"simulated scene {FITS}"):
        open_scene(SceneSource(dataset=f"simulated:{tmp_path / 'labels.npy'}"))


@pytest.mark.parametrize("form", ["npy", "envi"])
def test_a_file_for_which_there_is_no_address_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    path = f.write(tmp_path / "scene", form, f.cube())

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(np, "memmap", full)
    monkeypatch.setattr(np, "load", full)
    with pytest.raises(UserError, match=f"{FITS}; received no room to map"):
        readers.read(path, "cube")


def test_a_bundle_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hsiauto.models.bundle import save_model

    save_model(fitted("cnn2d", small_data()), tmp_path)
    monkeypatch.setattr(memory, "available", lambda: 10_000_000_000)
    load_model(tmp_path)
    os.truncate(tmp_path / WEIGHTS, 10_000_000_000)
    with pytest.raises(UserError, match=FITS):
        read_files(tmp_path)
    os.truncate(tmp_path / "config.json", 1 << 30)
    with pytest.raises(UserError, match="at most"):
        read_files(tmp_path)


def test_a_model_whose_description_unpacks_to_more_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", "[" + "{}," * 100_000 + "{}]")
    monkeypatch.setattr(memory, "available", lambda: 4_000_000)
    with pytest.raises(UserError, match=f"description of a model {FITS}"):
        load_estimator(file.getvalue())


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/outer/job", "", ("memory.max", "memory.current", "inactive_file")),
        ("4:memory:/outer/job", "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
    ],
)
def test_the_limit_of_a_control_group_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, folder: str, names: tuple[str, str, str]
) -> None:
    limit, used, cached = names
    for group, text in (("", ""), ("outer", "5000"), ("outer/job", "max")):
        place = tmp_path / folder / group
        place.mkdir(parents=True, exist_ok=True)
        if text:
            (place / limit).write_text(f"{text}\n")
            (place / used).write_text("4500\n")
            (place / "memory.stat").write_text(f"anon 1\n{cached} 300\n")
    (tmp_path / "cgroup").write_text(f"7:pids:/\n{line}\n")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "cgroup")
    assert memory.available() == 800
    (tmp_path / "cgroup").unlink()
    assert memory.available() > 800

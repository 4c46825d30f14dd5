"""Bundles that somebody made or changed; `again` writes the manifest anew, as whoever means harm would."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from tests.hostile.bombs import zip_of_zeros
from tests.hostile.case import Case, Make
from tests.hostile.commands import right_map

Change = Callable[[Path], object]


def again(*changes: Change, bundle: str = "bundle") -> Make:
    def make(folder: Path) -> None:
        from hsiauto.models.bundle.content import write_manifest

        for change in changes:
            change(folder / bundle)
        write_manifest(folder / bundle)

    return make


def changed(change: Change, bundle: str = "bundle") -> Make:
    return lambda folder: change(folder / bundle)


def in_json(name: str, **fields: Any) -> Change:
    """Set fields of a JSON file; ... takes one out."""

    def change(bundle: Path) -> None:
        path = bundle / name
        found = {**json.loads(path.read_text()), **fields}
        path.write_text(json.dumps({key: value for key, value in found.items() if value is not ...}))

    return change


def written(name: str, content: bytes | str) -> Change:
    raw = content.encode() if isinstance(content, str) else content
    return lambda bundle: (bundle / name).write_bytes(raw)


def tensors(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    def apply(bundle: Path) -> None:
        arrays = {key: value.copy() for key, value in safetensors.numpy.load_file(bundle / name).items()}
        change(arrays)
        (bundle / name).write_bytes(safetensors.numpy.save(arrays))

    return apply


def _first(value: float) -> Callable[[dict[str, Any]], object]:
    def change(arrays: dict[str, Any]) -> None:
        next(array for array in arrays.values() if array.dtype.kind == "f" and array.size).reshape(-1)[0] = value

    return change


def cases() -> Iterator[Case]:
    predict = ("predict", "bundle", "cube.npy", "--out", "map.npy")
    network = ("predict", "net", "cube.npy", "--out", "map.npy")
    yield Case("whole", predict, codes=(0,), check=right_map, writes=("map.npy",))
    moved = changed(lambda bundle: shutil.copytree(bundle, bundle.with_name("copy"), dirs_exist_ok=True))
    yield Case("copied", ("predict", "copy", *predict[2:]), moved, codes=(0,), check=right_map, writes=("map.npy",))
    extra = changed(written("README", "mine"))
    yield Case("a file of its user beside", predict, extra, codes=(0,), check=right_map, writes=("map.npy",))
    files = ("config.json", "provenance.json", "manifest.json", "model.skops", "preprocessing.safetensors")
    for name in files:
        yield Case(f"{name} missing", predict, changed(lambda bundle, name=name: (bundle / name).unlink()))  # type: ignore[misc]
        yield Case(f"{name} empty", predict, changed(written(name, b"")))
        yield Case(f"{name} of noise", predict, changed(written(name, np.random.default_rng(0).bytes(999))))
        yield Case(f"{name} a pipe", predict, changed(_replaced(name, os.mkfifo)))
        yield Case(f"{name} a folder", predict, changed(_replaced(name, Path.mkdir)))
        yield Case(
            f"{name} a link to zeros", predict, changed(_replaced(name, lambda path: path.symlink_to("/dev/zero")))
        )
        yield Case(
            f"{name} a link to itself", predict, changed(_replaced(name, lambda path: path.symlink_to(path.name)))
        )
        if name != "manifest.json":
            yield Case(f"{name} changed by a byte", predict, changed(_flipped(name)), words="sha256|changed")
            yield Case(f"{name} empty, and in the manifest", predict, again(written(name, b"")))
            yield Case(f"{name} of noise, and in the manifest", predict, again(written(name, os.urandom(99))))
    yield from _manifests(predict)
    yield from _ensembles()
    cards: dict[str, dict[str, Any]] = {
        "another format": {"format": 1},
        "a format of the future": {"format": 99},
        "a format of text": {"format": "\x1b[31m2\x07"},
        "no config": {"config": ...},
        "a config of a list": {"config": [1]},
        "an unknown family": {"config": {"family": "nobody"}},
        "a family of control characters": {"config": {"family": "\x1b[31msvm\x07"}},
        "another family": {"config": {"family": "forest"}},
        "a reference": {"config": {"family": "majority"}},
        "a hyperparameter of nobody": {"config": {"family": "svm", "D": 3}},
        "a hyperparameter out of bounds": {"config": {"family": "svm", "C": -1}},
        "no bands": {"n_bands": 0},
        "10**9 bands": {"n_bands": 10**9},
        "a band more": {"n_bands": 7},
        "10**9 classes": {"n_classes": 10**9},
        "a class more": {"n_classes": 4},
        "a class less": {"n_classes": 2},
        "fractions of bands": {"n_bands": 6.5},
        "another field": {"more": 1},
    }
    for name, fields in cards.items():
        yield Case(f"config.json: {name}", predict, again(in_json("config.json", **fields)))
    origins: dict[str, dict[str, Any]] = {
        "no names": {"class_names": []},
        "a name less": {"class_names": ["a", "b"]},
        "a name of a number": {"class_names": [1, 2, 3]},
        "values that repeat": {"label_values": [2, 2, 9]},
        "negative values": {"label_values": [-2, 6, 9]},
        "values beyond 64 bits": {"label_values": [2, 6, 2**64]},
        "a value less": {"label_values": [2, 6]},
        "colours of words": {"class_colours": ["red", "green", "blue"]},
        "wavelengths of nan": {"wavelengths_nm": ["NaN"] * 6},
        "a wavelength less": {"wavelengths_nm": [1.0] * 5},
        "a range of nan": {"value_range": [["NaN"] * 6, [1.0] * 6]},
        "a range of other bands": {"value_range": [[0.0] * 5, [1.0] * 5]},
        "dropped bands that repeat": {"dropped_bands": [1, 1]},
        "a dropped band far beyond": {"dropped_bands": [10**9]},
        "a negative dropped band": {"dropped_bands": [-1]},
        "200,000 dropped bands": {"dropped_bands": list(range(200_000))},
        "bands of a picture far beyond": {"rgb_bands": [0, 1, 10**9]},
        "another field": {"more": 1},
        "no date": {"created_at": ...},
    }
    for name, fields in origins.items():
        yield Case(f"provenance.json: {name}", predict, again(in_json("provenance.json", **fields)))
    odd = again(in_json("provenance.json", class_names=["\x1b[31mred\x07", "b" * 10_000, "two\nlines"]))
    yield Case("class names of control characters", predict, odd, codes=(0, 2), writes=("map.npy",))
    for title, model, argv in (("machine", "bundle", predict), ("network", "net", network)):
        for value in (float("nan"), float("inf"), -float("inf")):
            made = again(tensors("preprocessing.safetensors", _first(value)), bundle=model)
            yield Case(f"{title}: preprocessing of {value}", argv, made)
        for name, change in _TENSORS.items():
            made = again(tensors("preprocessing.safetensors", change), bundle=model)
            yield Case(f"{title}: preprocessing {name}", argv, made)
    for value in (float("nan"), float("inf")):
        yield Case(
            f"network: weights of {value}", network, again(tensors("weights.safetensors", _first(value)), bundle="net")
        )
    for name, change in _TENSORS.items():
        yield Case(f"network: weights {name}", network, again(tensors("weights.safetensors", change), bundle="net"))
    for name, content in {
        "with a header of 2**63 bytes": (2**63).to_bytes(8, "little") + b"{}",
        "with a header that is no JSON": (4).to_bytes(8, "little") + b"abcd",
        "that reads beyond its end": _tensor_file(
            {"a": {"dtype": "F32", "shape": [99], "data_offsets": [0, 396]}}, b""
        ),
        "of a huge shape": _tensor_file(
            {"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, bytes(4)
        ),
        "that is a pickle": b"\x80\x04cos\nsystem\n(S'touch executed'\ntR.",
    }.items():
        yield Case(
            f"network: a weights file {name}", network, again(written("weights.safetensors", content), bundle="net")
        )
    both = again(lambda bundle: shutil.copy(bundle / "model.skops", bundle / "weights.safetensors"))
    yield Case(
        "a model, and weights that nothing reads", predict, both, codes=(0, 2), check=right_map, writes=("map.npy",)
    )
    bomb = zip_of_zeros("schema.json", b"{", 3 << 30)
    yield Case("a model that unpacks to 3 GB", predict, again(written("model.skops", bomb)))
    pickle = b"PK" + b"\x80\x04cos\nsystem\n(S'touch executed'\ntR."
    yield Case("a model that is a pickle", predict, again(written("model.skops", pickle)))
    yield Case(
        "a model with a schema of nobody", predict, again(_schema(lambda s: s.__setitem__("__loader__", "Nobody")))
    )
    yield Case(
        "a model that names a function",
        predict,
        again(_schema(lambda s: s.update(__module__="os", __class__="system"))),
    )
    sparse = changed(lambda bundle: os.truncate(bundle / "model.skops", 1 << 40))
    yield Case("a model of a terabyte", predict, sparse)


def _ensembles() -> Iterator[Case]:
    predict = ("predict", "both", "cube.npy", "--out", "map.npy")
    yield Case("ensemble: whole", predict, codes=(0,), check=right_map, writes=("map.npy",))
    for name in ("members/0/config.json", "members/0/weights.safetensors", "members/1/model.skops"):
        lost = changed(lambda bundle, name=name: (bundle / name).unlink(), bundle="both")  # type: ignore[misc]
        yield Case(f"ensemble: {name} missing", predict, lost)
        unnamed = again(lambda bundle, name=name: (bundle / name).unlink(), bundle="both")  # type: ignore[misc]
        yield Case(f"ensemble: {name} missing, and not in the manifest", predict, unnamed)
        yield Case(
            f"ensemble: {name} changed by a byte", predict, changed(_flipped(name), bundle="both"), words="sha256"
        )
        zeros = changed(_replaced(name, lambda path: path.symlink_to("/dev/zero")), bundle="both")
        yield Case(f"ensemble: {name} a link to zeros", predict, zeros)
    nested: dict[str, Any] = {"family": "svm"}
    for _ in range(200):
        nested = {"family": "ensemble", "members": [{"family": "lda"}, nested]}
    members: dict[str, Any] = {
        "none": [],
        "a number": 7,
        "numbers": [1, 2],
        "one": [{"family": "svm"}],
        "ensembles": [{"family": "ensemble"}] * 2,
        "ensembles of ensembles": nested["members"],
        "references": [{"family": "majority"}] * 2,
        "others than it holds": [{"family": "svm"}, {"family": "lda"}],
        "more than it holds": [{"family": "svm", "C": 10.0 + i} for i in range(10)],
        "11": [{"family": "svm", "C": 10.0 + i} for i in range(11)],
        "100,000": [{"family": "svm"}] * 100_000,
    }
    for name, listed in members.items():
        card = again(in_json("config.json", config={"family": "ensemble", "members": listed}), bundle="both")
        yield Case(f"ensemble: members: {name}", predict, card)
    as_member = again(in_json("members/1/config.json", config={"family": "ensemble"}), bundle="both")
    yield Case("ensemble: a member that says it is one", predict, as_member)
    climbs = written("manifest.json", json.dumps({"sha256": {"members/../../bundle/config.json": "0" * 64}}))
    yield Case("ensemble: a member that climbs", predict, changed(climbs, bundle="both"))
    linked = changed(lambda bundle: _linked(bundle / "members" / "0", bundle.parent / "net"), bundle="both")
    right = {"codes": (0,), "check": right_map, "writes": ("map.npy",)}
    yield Case("ensemble: a member that is a link to the same network", predict, linked, **right)  # type: ignore[arg-type]


def _linked(folder: Path, target: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(target, target_is_directory=True)


def _manifests(predict: tuple[str, ...]) -> Iterator[Case]:
    for name, sums in {
        "of no file": {},
        "of a file that climbs": {"../../secret": "0" * 64},
        "of an absolute file": {"/etc/passwd": "0" * 64},
        "of a file of nobody": {"nobody.py": "0" * 64},
        "of control characters": {"\x1b[31mred\x07": "0" * 64},
        "of short sums": {"config.json": "0"},
        "of sums that are numbers": {"config.json": 3},
        "of a list": [],
    }.items():
        yield Case(f"a manifest {name}", predict, changed(written("manifest.json", json.dumps({"sha256": sums}))))
    yield Case("a manifest of 2 MB", predict, changed(written("manifest.json", " " * (2 << 20) + "{}")))
    yield Case("a manifest that nests", predict, changed(written("manifest.json", "[" * 60_000)))
    other = changed(lambda bundle: shutil.copy(bundle.parent / "net" / "manifest.json", bundle / "manifest.json"))
    yield Case("another bundle's manifest", predict, other)
    unlisted = changed(written("weights.safetensors", b"mine"))
    yield Case("a file that the manifest does not name", predict, unlisted)


_TENSORS: dict[str, Callable[[dict[str, Any]], object]] = {
    "without one": lambda arrays: arrays.pop(next(iter(arrays))),
    "with one more": lambda arrays: arrays.__setitem__("more", np.zeros(3, np.float32)),
    "of another shape": lambda arrays: arrays.update({k: np.append(v.ravel(), v.ravel()) for k, v in arrays.items()}),
    "of whole numbers": lambda arrays: arrays.update({k: v.astype(np.int64) for k, v in arrays.items()}),
    "of none": lambda arrays: arrays.clear(),
}


def _tensor_file(header: dict[str, Any], content: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


def _replaced(name: str, make: Callable[[Path], object]) -> Change:
    def change(bundle: Path) -> None:
        (bundle / name).unlink()
        make(bundle / name)

    return change


def _flipped(name: str) -> Change:
    def change(bundle: Path) -> None:
        content = bytearray((bundle / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bundle / name).write_bytes(content)

    return change


def _schema(change: Callable[[dict[str, Any]], object]) -> Change:
    def apply(bundle: Path) -> None:
        import zipfile

        path = bundle / "model.skops"
        with zipfile.ZipFile(path) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        schema = json.loads(entries["schema.json"])
        change(schema)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**entries, "schema.json": json.dumps(schema).encode()}.items():
                archive.writestr(name, content)

    return apply

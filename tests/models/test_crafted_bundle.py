"""Bundles that somebody made by hand, checksums included: refused when they are loaded, before they can do anything."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from hsiauto.errors import UserError
from hsiauto.models.bundle import load_model, save_model
from hsiauto.models.bundle.content import write_manifest
from hsiauto.models.fitted.classical import ClassicalFitted
from tests.small_scene import fitted, small_data

Change = Callable[[Any], None]


def saved(kind: str, folder: Path) -> Any:
    """Save a model of a kind -> its estimator, or whatever was fitted."""
    model = fitted(kind, small_data())
    save_model(model, folder)
    return model.estimator if isinstance(model, ClassicalFitted) else model


def refused(folder: Path, words: str) -> None:
    with pytest.raises(UserError, match="hsiauto's own.*" + words) as error:
        load_model(folder)
    assert "\n" not in str(error.value)


def refused_once_changed(kind: str, change: Change, folder: Path, words: str) -> None:
    estimator = saved(kind, folder)
    change(estimator)
    skops.io.dump(estimator, folder / "model.skops")
    write_manifest(folder)
    refused(folder, words)


def in_nodes(field: str, value: float, inner: bool = True) -> Change:
    """Change the first node that branches, or the first leaf, of the last tree."""

    def change(forest: Any) -> None:
        tree = forest.estimators_[-1].tree_
        state = tree.__getstate__()
        nodes = state["nodes"].copy()
        nodes[field][np.flatnonzero((nodes["left_child"] != -1) == inner)[0]] = value
        tree.__setstate__({**state, "nodes": nodes})

    return change


def in_values(forest: Any) -> None:
    tree = forest.estimators_[0].tree_
    state = tree.__getstate__()
    tree.__setstate__({**state, "values": np.full_like(state["values"], np.nan)})


def setting(name: str, value: Callable[[Any], Any]) -> Change:
    """Set an attribute to what `value` makes of it."""
    return lambda estimator: setattr(estimator, name, value(getattr(estimator, name)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_nodes("left_child", 10**9), "lead nowhere"),
        (in_nodes("right_child", 10**9), "lead nowhere"),
        (in_nodes("left_child", -7), "lead nowhere"),
        (in_nodes("left_child", 0), "lead nowhere"),
        (in_nodes("right_child", 0), "lead nowhere"),
        (in_nodes("feature", 10**9), "other features"),
        (in_nodes("feature", -3), "other features"),
        (in_nodes("right_child", 5, inner=False), "other features"),
        (in_nodes("threshold", np.nan), "NaN"),
        (in_values, "NaN"),
        (setting("n_classes_", lambda _: 10**9), "features or classes"),
        (setting("n_outputs_", lambda _: 2), "features or classes"),
        (setting("n_features_in_", lambda _: 11), "features of model"),
        (setting("classes_", lambda c: c + 1), "classes of model"),
        (setting("classes_", lambda c: c[::-1]), "classes of model"),
        (setting("classes_", lambda c: c.astype(str)), "no list of numbers"),
        (setting("estimators_", lambda e: e[:-1]), "members"),
        (setting("estimators_", lambda e: [SVC()] * len(e)), "members"),
        (setting("n_jobs", lambda _: 10**6), "settings"),
    ],
)
def test_a_forest_that_no_training_leaves(change: Change, words: str, tmp_path: Path) -> None:
    refused_once_changed("forest", change, tmp_path / "model", words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (setting("support_vectors_", lambda a: a[:, :-1].copy()), "support_vectors_"),
        (setting("support_vectors_", lambda a: a.astype(np.float32)), "support_vectors_"),
        (setting("support_vectors_", lambda a: np.full_like(a, np.inf)), "NaN"),
        (setting("_dual_coef_", lambda a: a[:, :3].copy()), "_dual_coef_"),
        (setting("_n_support", lambda a: a * 1000), "number of support vectors"),
        (
            setting("_n_support", lambda a: np.append(a[:-2], [-5, a[-2] + a[-1] + 5]).astype(np.int32)),
            "number of supp",
        ),
        (setting("_intercept_", lambda a: a[:1]), "_intercept_"),
        (setting("_intercept_", lambda a: np.full_like(a, np.nan)), "NaN"),
        (setting("support_", lambda a: a[:2]), "support_"),
        (setting("_probA", lambda _: np.zeros(7)), "_probA"),
        (setting("kernel", lambda _: "precomputed"), "kernel"),
        (setting("_sparse", lambda _: True), "_sparse"),
        (setting("_gamma", lambda _: float("nan")), "gamma"),
        (setting("classes_", lambda c: c[:2]), "shape"),
    ],
)
def test_a_machine_that_no_training_leaves(change: Change, words: str, tmp_path: Path) -> None:
    refused_once_changed("svm", change, tmp_path / "model", words)


def in_boosted(field: str, value: float, inner: bool = True) -> Change:
    """Change the first node that branches, or the first leaf, of the last round's last tree."""

    def change(machine: Any) -> None:
        nodes = machine._predictors[-1][-1].nodes
        nodes[field][np.flatnonzero((nodes["is_leaf"] == 0) == inner)[0]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_boosted("left", 10**9), "lead nowhere"),
        (in_boosted("right", 0), "lead nowhere"),
        (in_boosted("feature_idx", 10**9), "other features"),
        (in_boosted("is_categorical", 1), "other features"),
        (in_boosted("num_threshold", np.nan), "NaN"),
        (in_boosted("value", np.inf, inner=False), "NaN"),
        (setting("_predictors", lambda rounds: [trees[:-1] for trees in rounds]), "other trees than one a class"),
        (setting("_predictors", lambda rounds: [[SVC() for _ in trees] for trees in rounds]), "without nodes"),
        (setting("_predictors", lambda _: []), "other trees than one a class"),
        (setting("_baseline_prediction", lambda b: b[:, :-1].copy()), "baseline"),
        (setting("_preprocessor", lambda _: SVC()), "categories"),
        (setting("n_trees_per_iteration_", lambda _: 10**9), "other classes"),
        (setting("classes_", lambda c: c[:2]), "loss of another task"),
    ],
)
def test_boosted_trees_that_no_training_leaves(change: Change, words: str, tmp_path: Path) -> None:
    refused_once_changed("boosting", change, tmp_path / "model", words)


@pytest.mark.parametrize("kind", ["lda", "logistic"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (setting("coef_", lambda a: a[:, :-1].copy()), "do not fit"),
        (setting("coef_", lambda a: np.full_like(a, np.nan)), "NaN"),
        (setting("intercept_", lambda a: a[:1]), "do not fit"),
        (setting("classes_", lambda c: c[:2]), "do not fit"),
        (setting("coef_", lambda a: a.tolist()), "no arrays"),
    ],
)
def test_coefficients_that_no_training_leaves(kind: str, change: Change, words: str, tmp_path: Path) -> None:
    refused_once_changed(kind, change, tmp_path / "model", words)


@pytest.mark.parametrize("kind", ["svm", "forest", "lda", "boosting"])
def test_another_model_than_the_config_says(kind: str, tmp_path: Path) -> None:
    saved(kind, tmp_path / "model")
    data = small_data()
    spectra = data.cube.reshape(-1, 10)[data.train_pixels]
    other = saved("forest" if kind == "svm" else "svm", tmp_path / "other")
    for estimator in (LogisticRegression().fit(spectra, data.train_labels), other):
        skops.io.dump(estimator, tmp_path / "model" / "model.skops")
        write_manifest(tmp_path / "model")
        refused(tmp_path / "model", f"{type(estimator).__name__} where")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [("node_count", "1000000000", "number of nodes"), ("n_outputs", "1000000000", "several outputs")],
)
def test_sizes_are_checked_before_a_tree_is_made(place: str, value: str, words: str, tmp_path: Path) -> None:
    saved("forest", tmp_path / "model")
    path = tmp_path / "model" / "model.skops"
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(entries["schema.json"])
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and node.get("__loader__") == "TreeNode":
            size = node["content"]["content"]["node_count"] if place == "node_count" else None
            (size or node["__reduce__"]["args"]["content"][2])["content"] = value
            break
        waiting += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (entries | {"schema.json": json.dumps(schema).encode()}).items():
            archive.writestr(name, content)
    write_manifest(tmp_path / "model")
    refused(tmp_path / "model", words)


def test_a_compressed_archive_may_be_a_bomb(tmp_path: Path) -> None:
    machine = saved("svm", tmp_path / "model")
    skops.io.dump(machine, tmp_path / "model" / "model.skops", compression=zipfile.ZIP_DEFLATED)
    write_manifest(tmp_path / "model")
    refused(tmp_path / "model", "compressed")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("kind", "file", "array"),
    [
        ("cnn2d", "weights.safetensors", None),
        ("cnn2d", "preprocessing.safetensors", "mean"),
        ("cnn2d", "preprocessing.safetensors", "matrix"),
        ("svm", "preprocessing.safetensors", "matrix"),
        ("forest_multiscale", "preprocessing.safetensors", "scale"),
        ("forest_multiscale", "preprocessing.safetensors", "centre"),
    ],
)
def test_numbers_that_are_not_finite(kind: str, file: str, array: str | None, value: float, tmp_path: Path) -> None:
    saved(kind, tmp_path / "model")
    path = tmp_path / "model" / file
    arrays = safetensors.numpy.load_file(path)
    name = array or next(name for name, a in arrays.items() if a.dtype == np.float32 and a.ndim > 1)
    arrays[name].flat[0] = value
    safetensors.numpy.save_file(arrays, path)
    write_manifest(tmp_path / "model")
    refused(tmp_path / "model", f"NaN or infinite numbers in {name}")


def test_a_division_by_zero(tmp_path: Path) -> None:
    saved("svm", tmp_path / "model")
    path = tmp_path / "model" / "preprocessing.safetensors"
    safetensors.numpy.save_file({**safetensors.numpy.load_file(path), "scale": np.zeros(10, np.float32)}, path)
    write_manifest(tmp_path / "model")
    refused(tmp_path / "model", "scale")


@pytest.mark.parametrize("kind", ["svm", "cnn2d"])
def test_each_file_is_what_the_manifest_says(kind: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    saved(kind, model)
    for path in sorted(model.iterdir()):
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[-2] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UserError, match="manifest"):
            load_model(model)
        path.write_bytes(whole)
    load_model(model)


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"sha256": {"../secret": 64 * "0"}}, "names the files of a model; received '../secret'"),
        ({"sha256": {"config.json": "0"}}, "checksums"),
        ({"sha256": {}}, "in its manifest"),
        ([], "checksums"),
        ({"sha256": {"config.json": 64 * "0"}, "x": 70_000 * "x"}, "65,536 bytes"),
    ],
)
def test_a_manifest_of_another_make(manifest: object, words: str, tmp_path: Path) -> None:
    saved("svm", tmp_path / "model")
    (tmp_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=words):
        load_model(tmp_path / "model")


def test_more_classes_than_a_scene_can_have(tmp_path: Path) -> None:
    """The size of a network's last layer follows from it."""
    saved("cnn2d", tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "n_classes": 10**9}))
    write_manifest(tmp_path / "model")
    refused(tmp_path / "model", "n_classes")


@pytest.mark.parametrize(
    ("kind", "file", "change", "words"),
    [
        ("svm", "preprocessing.safetensors", lambda a: a.update(more=a["mean"]), "more"),
        ("cnn2d", "preprocessing.safetensors", lambda a: a.update(more=a["mean"]), "more"),
        ("svm", "preprocessing.safetensors", lambda a: a.update(mean=a["mean"].astype(np.int64)), "float32"),
        ("svm", "preprocessing.safetensors", lambda a: a.update(scale=a["scale"].astype(np.float64)), "float32"),
        ("cnn2d", "preprocessing.safetensors", lambda a: a.update(matrix=a["matrix"].astype(np.int64)), "float32"),
        ("cnn2d", "weights.safetensors", lambda a: a.pop(_counter(a)), "num_batches_tracked"),
        (
            "cnn2d",
            "weights.safetensors",
            lambda a: a.update({_weight(a): a[_weight(a)].astype(np.int64)}),
            "the type of",
        ),
    ],
)
def test_arrays_that_the_family_does_not_have(
    kind: str, file: str, change: Callable[[dict[str, Any]], Any], words: str, tmp_path: Path
) -> None:
    saved(kind, tmp_path / "model")
    arrays = dict(safetensors.numpy.load_file(tmp_path / "model" / file))
    change(arrays)
    (tmp_path / "model" / file).write_bytes(safetensors.numpy.save(arrays))
    write_manifest(tmp_path / "model")
    refused(tmp_path / "model", words)


def _counter(arrays: dict[str, Any]) -> str:
    """The name of a count of batches, which torch does without."""
    return next(name for name in arrays if name.endswith("num_batches_tracked"))


def _weight(arrays: dict[str, Any]) -> str:
    return next(name for name in arrays if name.endswith(".weight"))

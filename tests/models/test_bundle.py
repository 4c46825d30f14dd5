"""Bundles: exact round trips, and nothing loaded that is damaged, foreign or hostile."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import skops.io
from sklearn.tree import DecisionTreeClassifier

from hsiauto.errors import UserError
from hsiauto.families.references import MajorityConfig
from hsiauto.models.bundle import (
    MANIFEST,
    Provenance,
    load_bundle,
    load_model,
    model_files,
    save_bundle,
    save_files,
    save_model,
)
from hsiauto.models.bundle.content import write_manifest
from hsiauto.models.fitted.reference import fit_reference
from tests.small_scene import CLASSICAL, KINDS, fitted, small_data

PROVENANCE = Provenance(
    versions={"hsiauto": "0.1.0"},
    git_commit=None,
    dataset="small",
    data_hash="d",
    split_hash="s",
    protocol="blocks",
    seed=3,
    class_names=("soil", "grass", "woods"),
    label_values=(1, 2, 6),
    class_colours=("2878c8", "00ff00", "ff0000"),
    wavelengths_nm=tuple(400 + 10.5 * k for k in range(10)),
    dropped_bands=(0, 11),
    value_range=((-1.0,) * 10, (1.5,) * 10),
    rgb_bands=(3, 2, 1),
    test_scores={"oa": 0.5},
    created_at="2026-01-01T00:00:00+00:00",
)


class Hostile:
    """Unpickling it makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


@pytest.fixture(params=KINDS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    save_bundle(fitted(request.param, small_data()), tmp_path / "bundle", PROVENANCE)
    return tmp_path / "bundle"


def files(folder: Path) -> list[Path]:
    """Those that are read: README.md is for people, and the manifest alone tells that it was changed."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "README.md")


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_trip_keeps_every_bit(kind: str, tmp_path: Path) -> None:
    data = small_data()
    model = fitted(kind, data)
    save_bundle(model, tmp_path / "new" / "bundle", PROVENANCE)
    loaded = load_bundle(tmp_path / "new" / "bundle")
    assert loaded.provenance == PROVENANCE
    again = loaded.fitted
    assert type(again) is type(model)
    assert again.config == model.config
    assert (again.n_bands, again.n_classes, again.support) == (model.n_bands, model.n_classes, model.support)
    pixels = np.flatnonzero(data.valid)
    one, two = (m.probabilities(data.cube, data.valid, pixels) for m in (model, again))
    assert np.array_equal(one, two)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["bundle"]


def test_an_older_model_is_replaced_and_a_foreign_folder_is_not(tmp_path: Path) -> None:
    data = small_data()
    save_model(fitted("svm", data), tmp_path / "model")
    save_model(fitted("cnn2d", data), tmp_path / "model")
    assert load_model(tmp_path / "model").config.family == "cnn2d"
    assert {p.name for p in (tmp_path / "model").iterdir()} == {
        "config.json",
        "manifest.json",
        "weights.safetensors",
        "preprocessing.safetensors",
    }
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        save_model(fitted("svm", data), tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "mine"


@pytest.mark.parametrize("kind", ["svm", "ensemble"])
def test_a_model_goes_to_another_machine_as_files(kind: str, tmp_path: Path) -> None:
    model = fitted(kind, small_data())
    save_files(model_files(model), tmp_path / "model")
    assert load_model(tmp_path / "model").config == model.config


@pytest.fixture
def ensemble(tmp_path: Path) -> Path:
    save_model(fitted("ensemble", small_data()), tmp_path / "model")
    return tmp_path / "model"


def test_an_ensemble_holds_the_files_of_its_members(ensemble: Path) -> None:
    assert {path.relative_to(ensemble).as_posix() for path in files(ensemble)} == {
        *("config.json", "manifest.json", "preprocessing.safetensors"),
        *(f"members/{i}/{name}" for i in range(3) for name in ("config.json", "preprocessing.safetensors")),
        *("members/0/weights.safetensors", "members/1/model.skops", "members/2/model.skops"),
    }


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("config", CLASSICAL["forest"].active(), "configs of ensemble and member"),
        ("n_classes", 4, "classes of ensemble and member"),
        ("config", {"family": "ensemble"}, "configs of ensemble and member"),
    ],
)
def test_a_member_of_another_ensemble_is_refused(field: str, value: object, said: str, ensemble: Path) -> None:
    path = ensemble / "members" / "1" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(UserError, match="sha256"):
        load_model(ensemble)
    write_manifest(ensemble)
    with pytest.raises(UserError, match=said):
        load_model(ensemble)


def test_another_file_among_the_members_is_refused_or_left_alone(ensemble: Path) -> None:
    (ensemble / "members" / "0" / "model.skops").write_bytes(b"not in the manifest")
    with pytest.raises(UserError, match=r"every file of a model is in its manifest.*members/0/model\.skops"):
        load_model(ensemble)
    (ensemble / "members" / "0" / "model.skops").unlink()
    (ensemble / "members" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        save_model(fitted("svm", small_data()), ensemble)
    assert (ensemble / "members" / "notes.txt").read_text() == "mine"


def test_a_failed_save_leaves_the_older_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(fitted("svm", small_data()), tmp_path / "model")
    before = {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save", full)
    with pytest.raises(UserError, match="full disk"):
        save_model(fitted("forest", small_data()), tmp_path / "model")
    assert {p.name: p.read_bytes() for p in (tmp_path / "model").iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_reference_is_never_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="never exported"):
        save_model(fit_reference(MajorityConfig(), small_data()), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_damage_to_any_file_is_reported(saved: Path) -> None:
    for path in files(saved):
        whole = path.read_bytes()
        for damaged in (b"", whole[: len(whole) // 2], b"\x80\x04" + whole[2:], b"[1, 2]"):
            path.write_bytes(damaged)
            if path.name != MANIFEST:
                write_manifest(saved)
            with pytest.raises(UserError):
                load_bundle(saved)
        path.unlink()
        with pytest.raises(UserError, match=path.name):
            load_bundle(saved)
        if path.name != MANIFEST:
            write_manifest(saved)
            with pytest.raises(UserError, match=path.name):
                load_bundle(saved)
        path.write_bytes(whole)
        write_manifest(saved)
    load_bundle(saved)


@pytest.mark.parametrize(
    ("field", "value"), [("format", 1), ("n_bands", 11), ("n_classes", 1), ("config", {"family": "perceptron"})]
)
def test_a_config_that_does_not_fit_the_rest_is_refused(field: str, value: object, saved: Path) -> None:
    card = json.loads((saved / "config.json").read_text())
    card[field] = value
    (saved / "config.json").write_text(json.dumps(card))
    write_manifest(saved)
    with pytest.raises(UserError):
        load_bundle(saved)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match=r"config\.json"):
            load_model(folder)


def test_a_pickle_in_a_bundle_is_not_executed(saved: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    attack = pickle.dumps(Hostile(trace))
    for path in files(saved):
        whole = path.read_bytes()
        path.write_bytes(attack)
        if path.name != MANIFEST:
            write_manifest(saved)
        with pytest.raises(UserError):
            load_bundle(saved)
        path.write_bytes(whole)
        write_manifest(saved)
    assert not trace.exists()
    pickle.loads(attack)
    assert trace.exists(), "the attack works where pickles are loaded"


@pytest.mark.parametrize("kind", CLASSICAL)
def test_types_that_nobody_trusts_are_refused(kind: str, tmp_path: Path) -> None:
    data = small_data()
    save_model(fitted(kind, data), tmp_path / "model")
    tree = DecisionTreeClassifier().fit(np.zeros((2, 1)), [0, 1])
    tree.extra_ = os.mkdir
    skops.io.dump(tree, tmp_path / "model" / "model.skops")
    write_manifest(tmp_path / "model")
    with pytest.raises(UserError, match="mkdir"):
        load_model(tmp_path / "model")

"""Tables of spectra: what is read of them, and that nothing lies beside a spectrum."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hsiauto.config import RunConfig, run_config_from
from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.leaderboard.statements import NO_PLACES
from hsiauto.runs.prepare import feedable, prepare
from hsiauto.scene import open_image, open_scene
from hsiauto.scene.bands import ModelBands
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec, overlap

CLASSES = ("oak", "pine", "beech")
N = 60


def table(**changes: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    bands = {f"{nm}": rng.random(N) + np.arange(N) % 3 for nm in (450.5, 550, 650, 850)}
    told = {"plot": [f"p{row // 5}" for row in range(N)], "tree": [CLASSES[row % 3] for row in range(N)]}
    return pd.DataFrame({**told, **bands, **changes})


def stored(folder: Path, frame: pd.DataFrame, suffix: str = ".csv") -> str:
    path = folder / f"trees{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_bands_classes_and_groups_of_a_table(tmp_path: Path, suffix: str) -> None:
    frame = table()
    frame.loc[0, "tree"] = None
    scene = open_scene(SceneSource(dataset=stored(tmp_path, frame, suffix), label_field="tree", group_field="plot"))
    assert scene.cube.shape == (N, 1, 4)
    assert scene.wavelengths_nm == (450.5, 550, 650, 850)
    assert scene.class_names == ("beech", "oak", "pine")
    assert [scene.class_names[k - 1] for k in scene.labels[1:4, 0]] == ["pine", "beech", "oak"]
    assert scene.labels[0, 0] == 0
    assert scene.groups is not None
    assert len(np.unique(scene.groups[1:])) == 12
    np.testing.assert_allclose(scene.cube[:, 0].astype(np.float64), frame.iloc[:, 2:].to_numpy(np.float64), rtol=1e-6)
    assert any("1 spectra without a class" in note for note in scene.notes)


def test_numbers_are_label_values_and_units_are_read(tmp_path: Path) -> None:
    frame = table(tree=np.arange(N) % 3 + 4).drop(columns="plot")
    frame.columns = ["tree", "0.45 um", "0.55um", "0.65 um", "0.85 um"]
    scene = open_scene(SceneSource(dataset=stored(tmp_path, frame)))
    assert scene.label_values == (4, 5, 6)
    assert scene.wavelengths_nm == pytest.approx((450, 550, 650, 850))


def prepared(folder: Path, **split: Any) -> Any:
    source = SceneSource(dataset=stored(folder, table()), label_field="tree", group_field="plot")
    return prepare(RunConfig(scene=source, split=SplitSpec.model_validate(split), further_folds=1))


def test_groups_are_held_out_and_no_family_reads_beside_a_spectrum(tmp_path: Path) -> None:
    found = prepared(tmp_path)
    assert (found.split.spec.protocol, found.split.buffer, found.split.spec.squares.buffer) == ("spectra", 0, 0)
    groups = found.scene.groups.ravel()
    assert not set(groups[found.split.test]) & set(groups[found.split.pool])
    assert len(found.split.test) + len(found.split.pool) == N, "nothing lies near another"
    assert set(overlap(found.split, 0)) == {0.0}
    presets = [found.space.preset(family) for family in found.space.families]
    assert {"svm", "lda", "cnn1d", "spectral_memory"} <= set(found.space.families)
    assert all(config.support == 0 for config in presets)
    assert any("left out" in note and "mambahsi" in note and "hybridsn" in note for note in found.notes)
    assert not any("pixels from training" in line for line in found.told)
    assert any(note.startswith("a spectrum without a place has no neighbours, so ") for note in found.notes)
    assert not any("the buffer" in note for note in found.notes)
    with pytest.raises(UserError, match="has no neighbours"):
        feedable(found, FAMILIES["mambahsi"].preset("paper"), ())


def test_what_needs_a_distance_is_refused(tmp_path: Path) -> None:
    for protocol in ("blocks", "random", "groups"):
        with pytest.raises(UserError, match="has `protocol` spectra"):
            prepared(tmp_path, protocol=protocol)
    given = {"dataset": stored(tmp_path, table()), "label-field": "tree", "buffer": 4}
    with pytest.raises(UserError, match="`buffer` belongs to `protocol`"):
        run_config_from("search", given)


def test_without_groups_a_few_of_a_class_are_one(tmp_path: Path) -> None:
    scene = open_scene(SceneSource(dataset=stored(tmp_path, table()), label_field="tree"))
    assert scene.groups is not None
    assert len(np.unique(scene.groups)) == N
    assert any(NO_PLACES in note for note in prepared(tmp_path).notes)


@pytest.mark.parametrize(
    ("changes", "given", "words"),
    [
        ({}, {}, "none, of plot, tree"),
        ({}, {"label_field": "tre"}, "'tre'. Did you mean tree"),
        ({}, {"label_field": "tree", "group_field": "farm"}, "`group_field` names a column"),
        ({"550": "much"}, {"label_field": "tree"}, "hold numbers; received string"),
        ({"550 nm": 1.0}, {"label_field": "tree"}, "one unit"),
        ({"tree": "oak"}, {"label_field": "tree"}, "two classes"),
        ({}, {"labels": "map.npy"}, "`labels` belongs to images"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(
    tmp_path: Path, changes: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        open_scene(SceneSource(dataset=stored(tmp_path, table(**changes)), **given))


def test_a_table_that_is_separated_by_semicolons_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "trees.csv"
    path.write_text("tree;450;550;650\noak;0.1;0.2;0.3\n")
    with pytest.raises(UserError, match="Separate the columns by commas"):
        open_scene(SceneSource(dataset=str(path), label_field="tree"))


def test_spectra_are_nothing_to_map(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a scene is an image.*nothing in them to map"):
        open_image(SceneSource(dataset=stored(tmp_path, table())), ModelBands(4))


def library(folder: Path, **changes: str) -> str:
    values = np.arange(24, dtype=">f4").reshape(6, 4)
    values.tofile(folder / "trees.sli")
    fields = {"samples": "4", "lines": "6", "bands": "1", "data type": "4", "byte order": "1"}
    fields |= {"file type": "ENVI Spectral Library", "wavelength units": "Micrometers"}
    fields |= {"wavelength": "{0.45, 0.55, 0.65, 0.85}"}
    fields |= {"spectra names": "{oak_1, oak_2, oak 3, pine, pine-2, pine 12}"}
    lines = [f"{name} = {value}" for name, value in {**fields, **changes}.items()]
    (folder / "trees.hdr").write_text("\n".join(["ENVI", *lines]))
    return str(folder / "trees.sli")


def test_a_spectral_library_names_its_classes(tmp_path: Path) -> None:
    scene = open_scene(SceneSource(dataset=library(tmp_path)))
    assert scene.class_names == ("oak", "pine")
    assert scene.wavelengths_nm == pytest.approx((450, 550, 650, 850))
    assert scene.labels.ravel()[:6].tolist() == [1, 1, 1, 2, 2, 2]
    assert scene.cube.reshape(-1, 4)[:6].tolist() == np.arange(24).reshape(6, 4).tolist()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("file type", "ENVI Standard", "an ENVI Spectral Library; received ENVI Standard"),
        ("spectra names", "{oak, pine}", "must name each of 6 spectra"),
        ("lines", "7", "must name each of 7|a shorter file"),
        ("wavelength", "{1, 2}", "one number for each"),
    ],
)
def test_what_is_no_spectral_library_is_refused(tmp_path: Path, field: str, value: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_scene(SceneSource(dataset=library(tmp_path, **{field: value})))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(40))
    with pytest.raises(UserError, match="must be a table"):
        open_scene(SceneSource(dataset=str(tmp_path / "a.parquet")))
    (tmp_path / "a.csv").write_text("b1,b2,label\n1,2,3\n")
    with pytest.raises(UserError, match="named by a wavelength"):
        open_scene(SceneSource(dataset=str(tmp_path / "a.csv")))

"""Files of spectra, flat cubes and abundances: a clear answer."""

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from hsiauto.errors import UserError
from hsiauto.scene import open_scene, readers
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f


@pytest.mark.parametrize("bands_first", [True, False])
def test_a_flat_cube_names_the_reshape_that_restores_it(tmp_path: Path, bands_first: bool) -> None:
    flat = f.cube().reshape(f.H * f.W, f.C, order="F")  # as MATLAB: pixels column by column
    flat = flat.T if bands_first else flat
    path = tmp_path / "flat.mat"
    scipy.io.savemat(path, {"Y": flat, "nRow": float(f.H), "nCol": float(f.W), "maxValue": 4000.0})
    with pytest.raises(
        UserError, match=r"Y \d+x\d+ \((bands x pixels|pixels x bands)\) beside nRow 7 and nCol 6"
    ) as told:
        readers.read(path, "cube")
    code = told.value.remedy.split("numpy.save: ")[1].split(" where MATLAB")[0]
    np.testing.assert_array_equal(eval(code, {"Y": flat}), f.cube())


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
def test_a_table_of_spectra_is_named(tmp_path: Path, suffix: str) -> None:
    path, table = tmp_path / f"x{suffix}", np.ones((40, 200))
    if suffix == ".npy":
        np.save(path, table)
    elif suffix == ".npz":
        np.savez(path, X=table, y=np.ones(40))
    else:
        scipy.io.savemat(path, {"X": table, "y": np.ones(40)})
    with pytest.raises(UserError, match=r"40x200.*table of spectra"):
        readers.read(path, "cube")


def test_a_csv_is_no_scene_and_says_what_would_be(tmp_path: Path) -> None:
    path = tmp_path / "spectra.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"rows x columns x bands.*a table.*row and column of each pixel"):
        open_scene(SceneSource(dataset=str(path)))


def test_labels_of_a_table_are_named(tmp_path: Path) -> None:
    path = f.npy(tmp_path / "y.npy", np.ones(40))
    with pytest.raises(UserError, match=r"y 40.*each row of a table"):
        readers.read(path, "labels")


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_layers_of_abundances_are_named(tmp_path: Path, suffix: str) -> None:
    layers = np.random.default_rng(0).dirichlet((1, 1, 1), (f.H, f.W)).astype(np.float32)
    path = f.npy(tmp_path / "a.npy", layers) if suffix == ".npy" else f.tif(tmp_path / "a.tif", layers)
    with pytest.raises(UserError, match=r"7x6x3.*abundances.*argmax\(axis=2\)"):
        readers.read(path, "labels")


@pytest.mark.parametrize("rows", ["seven", "2020-01-01", 7j])
def test_a_number_of_rows_that_is_none(tmp_path: Path, rows: object) -> None:
    value = np.array(rows, "M8[D]") if rows == "2020-01-01" else np.array(rows)
    np.savez(tmp_path / "flat.npz", x=np.ones((42, 5)), nRow=value, nCol=np.array(6))
    with pytest.raises(UserError, match=r"x 42x5\. Two axes are"):
        readers.read(tmp_path / "flat.npz", "cube")

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from hsiauto.errors import UserError
from hsiauto.scene import Scene, open_image, open_scene, read_label_map
from hsiauto.scene.bands import ModelBands
from hsiauto.scene.opening import has_labels, open_cube
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f

REAL = Path(__file__).parents[2] / ".." / "shared" / "data"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="real scenes are not in ../shared/data")


def _open(dataset: object, **options: Any) -> Scene:
    return open_scene(SceneSource(dataset=str(dataset), **options))


@pytest.mark.parametrize("cube_form", f.WRITERS)
@pytest.mark.parametrize("labels_form", f.WRITERS)
def test_every_pair_of_formats_gives_the_same_scene(tmp_path: Path, cube_form: str, labels_form: str) -> None:
    cube, labels = (
        f.write(tmp_path / "cube", cube_form, f.cube()),
        f.write(tmp_path / "labels", labels_form, f.labels()),
    )
    scene = _open(cube, labels=labels)
    np.testing.assert_array_equal(scene.cube, f.cube())
    np.testing.assert_array_equal(scene.labels, np.searchsorted((0, 3, 7), f.labels()))
    assert scene.labels.dtype == np.int16
    assert scene.label_values == (3, 7)
    assert scene.class_names == ("class 3", "class 7")
    assert scene.valid.all()
    assert scene.name == "scene"
    assert isinstance(scene.cube, np.memmap) or scene.cube.flags.c_contiguous
    reference = _open(f.npy(tmp_path / "a.npy", f.cube()), labels=f.npy(tmp_path / "b.npy", f.labels()))
    assert scene.data_hash == reference.data_hash


def test_the_hash_tells_cubes_and_label_maps_apart(tmp_path: Path) -> None:
    cube, labels = f.cube(), f.labels()
    cube[0, 0, 0] += 1
    labels[3, 5] = 3
    cubes = [f.npy(tmp_path / f"c{i}.npy", c) for i, c in enumerate((f.cube(), cube))]
    maps = [f.npy(tmp_path / f"m{i}.npy", m) for i, m in enumerate((f.labels(), labels))]
    assert len({_open(c, labels=m).data_hash for c in cubes for m in maps}) == 4


def test_a_cube_stored_bands_first(tmp_path: Path) -> None:
    labels = f.npy(tmp_path / "gt.npy", f.labels())
    cube = f.npy(tmp_path / "scene.npy", f.cube().transpose(2, 0, 1))
    np.testing.assert_array_equal(_open(cube, labels=labels).cube, f.cube())
    with pytest.raises(UserError, match="same rows and columns"):
        _open(cube, labels=labels, layout="HWC")


def test_a_layout_is_not_swallowed_where_the_format_knows(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`layout` is for"):
        _open(f.tif(tmp_path / "s.tif", f.cube()), labels=f.npy(tmp_path / "gt.npy", f.labels()), layout="CHW")


def test_one_file_with_both(tmp_path: Path) -> None:
    both = tmp_path / "scene.mat"
    scipy.io.savemat(both, {"cube": f.cube(), "gt": f.labels()})
    assert _open(both).n_classes == 2
    scipy.io.savemat(both, {"cube": f.cube(), "gt": f.labels(), "train": f.labels()})
    with pytest.raises(UserError, match="`labels_key`"):
        _open(both)
    assert _open(both, labels_key="gt").n_classes == 2


@pytest.mark.parametrize("form", f.WRITERS)
def test_a_cube_without_labels_asks_for_them(tmp_path: Path, form: str) -> None:
    with pytest.raises(UserError, match="`labels`"):
        _open(f.write(tmp_path, form, f.cube()))


def test_envi_bad_bands_wavelengths_and_rgb(tmp_path: Path) -> None:
    waves = ", ".join(map(str, f.WAVELENGTHS_UM))
    header = f"wavelength units = Micrometers\nwavelength = {{{waves}}}\nbbl = {{1, 1, 1, 0, 1}}\n"
    scene = _open(f.envi(tmp_path / "scene.dat", f.cube(), header), labels=f.npy(tmp_path / "gt.npy", f.labels()))
    np.testing.assert_array_equal(scene.cube, f.cube()[..., [0, 1, 2, 4]])
    assert scene.wavelengths_nm == pytest.approx((460, 550, 640, 1600))
    assert scene.rgb_bands == (2, 1, 0)
    assert scene.geo is not None
    assert "1 bands dropped: bad by the header's list" in scene.notes


def test_envi_class_names(tmp_path: Path) -> None:
    header = "class names = {Unclassified, a, b, Corn, d, e, f, Woods}\n"
    labels = f.envi(tmp_path / "gt.dat", f.labels(), header)
    assert _open(f.npy(tmp_path / "scene.npy", f.cube()), labels=labels).class_names == ("Corn", "Woods")


def test_missing_data_is_counted_and_hits_only_labelled_pixels(tmp_path: Path) -> None:
    cube = f.cube().astype(np.float32)
    cube[3, :4] = np.nan  # unlabelled
    labels = f.npy(tmp_path / "gt.npy", f.labels())
    scene = _open(f.npy(tmp_path / "scene.npy", cube), labels=labels)
    assert (~scene.valid).sum() == 4
    assert "4 pixels without data" in scene.notes
    cube[1, 2, 3] = np.nan
    path = f.npy(tmp_path / "scene.npy", cube)
    with pytest.raises(UserError, match=r"1 of 27 labelled pixels without data .* the first at row 1, column 2"):
        _open(path, labels=labels, on_nodata="refuse")
    assert not _open(
        f.tif(tmp_path / "s.tif", np.where(np.isnan(cube), -1, cube), nodata=-1), labels=_no_label_at(tmp_path, 1, 2)
    ).valid[1, 2]


def _no_label_at(tmp_path: Path, row: int, column: int) -> Path:
    labels = f.labels()
    labels[row, column] = 0
    return f.npy(tmp_path / "fewer.npy", labels)


def test_a_constant_cube_and_one_without_data(tmp_path: Path) -> None:
    labels = f.npy(tmp_path / "gt.npy", f.labels())
    with pytest.raises(UserError, match="constant cube"):
        _open(f.npy(tmp_path / "a.npy", np.full((f.H, f.W, f.C), 3)), labels=labels)
    with pytest.raises(UserError, match="NaN everywhere"):
        _open(f.npy(tmp_path / "b.npy", np.full((f.H, f.W, f.C), np.nan)), labels=labels)


def test_ignored_labels_are_background(tmp_path: Path) -> None:
    labels = f.labels()
    labels[3] = 255
    scene = _open(
        f.npy(tmp_path / "scene.npy", f.cube()), labels=f.npy(tmp_path / "gt.npy", labels), ignore_labels=(0, 255)
    )
    assert scene.label_values == (3, 7)
    assert not scene.labels[3].any()


def test_an_image_to_predict_on_needs_no_labels(tmp_path: Path) -> None:
    path = f.npy(tmp_path / "scene.npy", f.cube().transpose(2, 0, 1))
    scene = open_image(SceneSource(dataset=str(path)), ModelBands(f.C))
    np.testing.assert_array_equal(scene.cube, f.cube())
    assert not scene.labels.any()
    with pytest.raises(UserError, match="99 bands"):
        open_image(SceneSource(dataset=str(path)), ModelBands(99))


def test_a_cube_alone_is_opened_as_it_is(tmp_path: Path) -> None:
    path = f.npy(tmp_path / "scene.npy", f.cube())
    source = SceneSource(dataset=str(path), layout="HWC", drop_bands=(1,))
    assert not has_labels(source)
    scene = open_cube(source)
    np.testing.assert_array_equal(scene.cube, f.cube()[:, :, 1:])
    assert (scene.n_classes, scene.labels.any()) == (0, False)
    np.savez(tmp_path / "both.npz", cube=f.cube(), labels=f.labels())
    assert has_labels(SceneSource(dataset=str(tmp_path / "both.npz")))
    assert has_labels(SceneSource(dataset=str(path), labels=tmp_path / "labels.npy"))
    assert has_labels(SceneSource(dataset="demo"))


def test_a_model_finds_its_bands_again_where_training_dropped_some(tmp_path: Path) -> None:
    hdr = f.envi(tmp_path / "scene.dat", f.cube(), "bbl = {1, 1, 0, 1, 1}\n")
    assert open_image(SceneSource(dataset=str(hdr)), ModelBands(f.C - 1)).n_bands == f.C - 1
    with pytest.raises(UserError, match="model's 5 bands; received 4"):
        open_image(SceneSource(dataset=str(hdr)), ModelBands(f.C))
    cube = f.cube().astype(np.float32)
    cube[..., 1] = np.nan
    path = f.npy(tmp_path / "scene.npy", cube)
    for layout in (None, "HWC"):
        assert open_image(SceneSource(dataset=str(path), layout=layout), ModelBands(f.C - 1)).n_bands == f.C - 1
    turned = f.npy(tmp_path / "turned.npy", cube.transpose(2, 0, 1))
    np.testing.assert_array_equal(
        open_image(SceneSource(dataset=str(turned)), ModelBands(f.C - 1)).cube, np.delete(cube, 1, 2)
    )
    with pytest.raises(UserError, match="must have 5 bands"):
        open_image(SceneSource(dataset=str(turned)), ModelBands(f.C))


def test_the_bands_that_training_dropped_are_dropped_again_whatever_the_file_says(tmp_path: Path) -> None:
    """Without wavelengths a file of as many bands as that of the training is taken by their numbers."""
    model = ModelBands(f.C - 1, dropped=(2,))
    expected = np.delete(f.cube(), 2, 2)
    hdr = f.envi(tmp_path / "scene.dat", f.cube(), "bbl = {1, 0, 1, 1, 1}\n")
    for path in (
        hdr,
        f.npy(tmp_path / "scene.npy", f.cube()),
        f.npy(tmp_path / "turned.npy", f.cube().transpose(2, 0, 1)),
    ):
        scene = open_image(SceneSource(dataset=str(path)), model)
        np.testing.assert_array_equal(scene.cube, expected)
        assert "could not be checked" in scene.notes[-1]


def test_a_label_map_of_a_fixed_split_is_numbered_like_the_scene(tmp_path: Path) -> None:
    labels = f.npy(tmp_path / "gt.npy", f.labels())
    scene = _open(f.npy(tmp_path / "scene.npy", f.cube()), labels=labels)
    np.testing.assert_array_equal(read_label_map(labels), f.labels())
    np.testing.assert_array_equal(read_label_map(labels, like=scene), scene.labels)
    strange = f.npy(tmp_path / "train.npy", f.labels() + 1)
    with pytest.raises(UserError, match="label values of scene, 3, 7; received 1, 4, 8"):
        read_label_map(strange, like=scene)


def test_zero_as_a_class_reaches_scene_and_fixed_maps(tmp_path: Path) -> None:
    stored = f.labels().astype(np.int16)
    stored[3] = -1
    cube, labels = f.npy(tmp_path / "scene.npy", f.cube()), f.npy(tmp_path / "gt.npy", stored)
    with pytest.raises(UserError, match="`background`"):
        _open(cube, labels=labels, ignore_labels=(-1,))
    for given in ({"background": "none", "ignore_labels": (-1,)}, {"background": -1}):
        scene = _open(cube, labels=labels, **given)
        assert scene.label_values == (0, 3, 7)
        np.testing.assert_array_equal(scene.labels, np.searchsorted((-1, 0, 3, 7), stored))
    np.testing.assert_array_equal(read_label_map(labels, like=scene), scene.labels)


def test_a_misspelt_name_is_corrected_and_options_of_files_are_not_swallowed() -> None:
    with pytest.raises(UserError, match="Did you mean salinas"):
        _open("salinass")
    with pytest.raises(UserError, match="`key` belongs to scenes from files"):
        _open("salinas", key="data")
    with pytest.raises(UserError, match="`ignore_labels`"):
        _open("demo", ignore_labels=(1,))


@needs_real_data
def test_the_published_indian_pines_is_preferred_to_its_8_bit_variant() -> None:
    scene = _open("indian_pines", data_dir=REAL)
    assert scene.name == "indian_pines"
    assert (scene.cube.min(), scene.cube.max()) == (955, 9604)


@needs_real_data
def test_the_real_8_bit_indian_pines_is_found_and_named(tmp_path: Path) -> None:
    for name in ("IP_200_M.mat", "Indian_pines_gt.mat"):
        (tmp_path / name).symlink_to((REAL / "indian_pines" / name).resolve())
    scene = _open("indian_pines", data_dir=tmp_path)
    assert scene.name == "indian_pines_8bit"
    assert "8-bit variant" in scene.notes[0]
    assert scene.cube.shape == (145, 145, 200)
    assert (scene.labels > 0).sum() == 10_249
    assert np.bincount(scene.labels.ravel())[scene.class_names.index("Soybean-mintill") + 1] == 2455


@needs_real_data
def test_a_simulation_takes_the_geometry_bands_and_names_of_its_label_map(monkeypatch: pytest.MonkeyPatch) -> None:
    simulate = pytest.importorskip("hsiauto.scene.simulator.simulate")
    asked: dict[str, Any] = {}

    def quick(labels: np.ndarray, *, name: str, n_bands: int, seed: int) -> Scene:
        asked.update(shape=labels.shape, n_bands=n_bands, seed=seed)
        cube = np.arange(labels.size * 3).reshape(*labels.shape, 3)
        return Scene(name, cube, labels.astype(np.int16), (), (), labels >= 0, (0, 1, 2))

    monkeypatch.setattr(simulate, "simulate", quick)
    scene = _open(f"simulated:{REAL}/ground_truth/Salinas_gt.mat", seed=5)
    assert asked == {"shape": (512, 217), "n_bands": 204, "seed": 5}
    assert scene.name == "simulated_Salinas_gt"
    assert scene.class_names[-1] == "Vinyard_vertical_trellis"
    assert scene.label_values == tuple(range(1, 17))


@pytest.mark.parametrize(
    ("name", "why"), [("a" * 300, "bytes in each name"), ("~nobody-here/a.mat", "No such file"), ("a\0b", "characters")]
)
def test_names_that_no_file_has(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        _open(name)
    with pytest.raises(UserError, match=why):
        _open(f.npy(tmp_path / "cube.npy", f.cube()), labels=name)


def test_a_pipe_among_the_files_of_a_known_scene_keeps_nobody_waiting(tmp_path: Path) -> None:
    for name in ("Salinas_corrected.mat", "Salinas_gt.mat"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="a pipe"):
        _open("salinas", data_dir=tmp_path)

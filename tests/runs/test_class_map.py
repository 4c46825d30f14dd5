"""`predict` from a bundle and a file to a map, without a search."""

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pytest
import rasterio

from hsiauto import runs
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.models.applicability import Applicability
from hsiauto.models.bundle import Provenance, load_bundle, save_bundle
from hsiauto.models.bundle.content import write_manifest
from hsiauto.models.fitted.classical import fit_classical
from hsiauto.report.maps import LAYERS
from hsiauto.runs import class_map
from hsiauto.runs.export import provenance_of
from hsiauto.runs.prepare import prepare
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec
from hsiauto.split.seal import training_data
from tests.small_scene import CLASSICAL

HEIGHT, WIDTH, BANDS = 24, 20, 12
VALUES = (2, 4, 6, 9)
"""Label values of the file; class 4 has a single pixel, so that it is left out."""


def write_scene(folder: Path) -> tuple[Path, Path]:
    """(cube.npy, labels.npy): stripes of three well separated classes."""
    rng = np.random.default_rng(0)
    labels = np.array([2, 6, 9])[np.indices((HEIGHT, WIDTH))[0] // 2 % 3]
    spectra = {value: 1000 + 500 * rng.normal(size=BANDS) for value in VALUES}
    cube = np.stack([spectra[value] for value in labels.ravel()]).reshape(HEIGHT, WIDTH, BANDS)
    labels[5, 5] = 4
    np.save(folder / "cube.npy", (cube + 5 * rng.normal(size=cube.shape)).astype(np.float32))
    np.save(folder / "labels.npy", labels)
    return folder / "cube.npy", folder / "labels.npy"


def bundled(cube: Path, labels: Path, bundle: Path) -> Provenance:
    """Train a support vector machine and export it, as a run does."""
    source = SceneSource(dataset=str(cube), labels=labels)
    prepared = prepare(RunConfig(scene=source, split=SplitSpec(protocol="random", train_fraction=0.5)))
    data = training_data(prepared.scene, prepared.split)
    model = fit_classical(CLASSICAL["svm"], data, seed=0)
    provenance = provenance_of(prepared, None)
    area = Applicability.fit(model, data, apart=1)
    save_bundle(model, bundle, provenance, area)
    return provenance


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder with cube.npy, labels.npy and bundle."""
    bundled(*write_scene(tmp_path), tmp_path / "bundle")
    return tmp_path


def test_a_class_that_was_left_out_shifts_no_label_value(trained: Path) -> None:
    drawn = runs.predict(trained / "bundle", trained / "cube.npy", trained / "map.npy")
    assert [(one.value, one.name) for one in drawn.classes] == [(2, "class 2"), (6, "class 6"), (9, "class 9")]
    labels = np.load(trained / "labels.npy")
    agree = np.load(trained / "map.npy") == labels
    assert agree[labels != 4].all()
    assert sum(one.share for one in drawn.classes) == pytest.approx(1)


def test_further_layers_stand_beside_the_map(trained: Path) -> None:
    drawn = runs.predict(trained / "bundle", trained / "cube.npy", trained / "map.npy", layers=LAYERS)
    probabilities = np.load(trained / "map-probabilities.npy")
    assert probabilities.shape == (3, HEIGHT, WIDTH)
    assert np.array_equal(np.load(trained / "map-confidence.npy"), probabilities.max(axis=0))
    share = (np.load(trained / "map-dissimilarity.npy") <= 1).mean()
    assert share > 0.8
    assert drawn.notes[-1].startswith(f"{100 * share:.0f} % of the map lies within the model's area of applicability")


def test_classes_are_polygons_too_beside_the_map(trained: Path) -> None:
    drawn = runs.predict(trained / "bundle", trained / "cube.npy", trained / "map.png", vectorize=True, min_pixels=2)
    assert drawn.polygons == trained / "map.gpkg"
    assert pyogrio.read_info(drawn.polygons)["features"] >= HEIGHT // 2, "a stripe of two rows each"
    with pytest.raises(UserError, match="replaces no file"):
        runs.predict(trained / "bundle", trained / "cube.npy", trained / "map.npy", vectorize=True)
    assert not (trained / "map.npy").exists()


def test_a_bundle_without_training_pixels_tells_no_dissimilarity(trained: Path) -> None:
    loaded = load_bundle(trained / "bundle")
    save_bundle(loaded.fitted, trained / "bundle", loaded.provenance)
    with pytest.raises(UserError, match="needs a bundle with training pixels"):
        runs.predict(trained / "bundle", trained / "cube.npy", trained / "map.npy", layers=LAYERS)
    assert not (trained / "map.npy").exists()


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_envi(path: Path, cube: npt.NDArray[Any], nm: Sequence[float] | None = None, bbl: Any = None) -> Path:
    """Write a cube with its header -> the header."""
    height, width, count = cube.shape
    with rasterio.open(path, "w", "ENVI", width=width, height=height, count=count, dtype="float32") as raster:
        raster.write(cube.transpose(2, 0, 1))
    header = path.with_suffix(".hdr")
    lines = "" if nm is None else f"wavelength units = Nanometers\nwavelength = {{{', '.join(map(str, nm))}}}\n"
    lines += "" if bbl is None else f"bbl = {{{', '.join(map(str, bbl))}}}\n"
    header.write_text(header.read_text() + lines)
    return header


@pytest.fixture
def envi(trained: Path) -> Path:
    """The scene as ENVI too: scene.hdr and scene.img."""
    cube = np.load(trained / "cube.npy")
    write_envi(trained / "scene.img", cube)
    (trained / "run").mkdir()
    (trained / "run" / "run.yaml").write_text("command: search\n")
    (trained / "run" / "map.png").write_bytes(b"mine")
    (trained / "link.npy").symlink_to("cube.npy")
    os.link(trained / "cube.npy", trained / "second.npy")
    return trained


@pytest.mark.parametrize(
    ("scene", "out", "words"),
    [
        ("cube.npy", "cube.npy", "onto the scene"),
        ("cube.npy", "link.npy", "onto the scene"),
        ("cube.npy", "second.npy", "onto the scene"),
        ("link.npy", "cube.npy", "onto the scene"),
        ("scene.img", "scene.hdr", "onto the scene"),
        ("scene.hdr", "scene.hdr", "onto the scene"),
        ("cube.npy", "bundle/map.tif", "into a bundle"),
        ("cube.npy", "bundle/new/map.tif", "into a bundle"),
        ("cube.npy", "run/map.png", "into a run folder"),
        ("cube.npy", "run/maps/map.tif", "into a run folder"),
        ("cube.npy", "labels.npy/map.tif", "must be writable"),
        ("cube.npy", "folder.npy", "a folder"),
        ("cube.npy", "pipe.npy", "a map is a file"),
        ("cube.npy", "dangling.npy", "a map is a file"),
        ("cube.npy", "loop.npy", "a map is a file"),
        ("cube.npy", "loop.npy/map.npy", "must be writable"),
    ],
)
def test_nothing_that_is_needed_is_ever_replaced(
    scene: str, out: str, words: str, envi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (envi / "folder.npy").mkdir()
    os.mkfifo(envi / "pipe.npy")
    (envi / "dangling.npy").symlink_to("nowhere/map.npy")
    (envi / "loop.npy").symlink_to("loop.npy")
    before = contents(envi)
    monkeypatch.setattr(class_map, "open_image", None)  # refused before the scene is opened
    with pytest.raises(UserError, match=words):
        runs.predict(envi / "bundle", envi / scene, envi / out, overwrite=True)
    assert contents(envi) == before


@pytest.mark.parametrize("there", ["map.tif", "map.tif.aux.xml", "map-confidence.tif"])
def test_an_older_file_is_replaced_only_if_asked(there: str, trained: Path) -> None:
    (trained / there).write_bytes(b"mine")
    predict = partial(runs.predict, trained / "bundle", trained / "cube.npy", trained / "map.tif")
    with pytest.raises(UserError, match="set `overwrite`"):
        predict(layers=("class", "confidence"))
    assert (trained / there).read_bytes() == b"mine"
    predict(layers=("class", "confidence"), overwrite=True)
    assert (trained / there).read_bytes() != b"mine"


def test_a_missing_folder_is_made(trained: Path) -> None:
    runs.predict(trained / "bundle", trained / "cube.npy", trained / "new" / "maps" / "map.png")
    assert [path.name for path in (trained / "new" / "maps").iterdir()] == ["map.png"]


NM = [400 + 50.5 * band for band in range(BANDS)]
BAD = [int(band not in (3, 8)) for band in range(BANDS)]


@pytest.fixture
def sensed(tmp_path: Path) -> tuple[Path, npt.NDArray[Any]]:
    """A folder with a bundle, trained on an ENVI file whose header calls two bands bad, and the cube of that file."""
    cube_path, labels = write_scene(tmp_path)
    cube = np.load(cube_path)
    bundled(write_envi(tmp_path / "trained.img", cube, NM, BAD), labels, tmp_path / "bundle")
    return tmp_path, cube


def classes(folder: Path, scene: Path, **source: Any) -> tuple[list[list[int]], tuple[str, ...]]:
    """(map, notes)."""
    drawn = runs.predict(
        folder / "bundle", SceneSource(dataset=str(scene), **source), folder / "map.npy", overwrite=True
    )
    return np.load(folder / "map.npy").tolist(), drawn.notes


def test_bands_are_found_by_their_wavelengths(sensed: tuple[Path, npt.NDArray[Any]]) -> None:
    folder, cube = sensed
    expected, _ = classes(folder, folder / "trained.hdr")
    order = np.random.default_rng(1).permutation(BANDS)
    for name, bands, bbl in (
        ("reversed", np.arange(BANDS)[::-1], BAD[::-1]),
        ("shuffled", order, None),
        ("other bbl", np.arange(BANDS), [1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1]),
        ("no bbl", np.arange(BANDS), None),
        ("dropped already", np.flatnonzero(BAD), None),
    ):
        path = write_envi(folder / "other.img", cube[..., bands], [NM[band] for band in bands], bbl)
        found, notes = classes(folder, path)
        assert found == expected, name
        assert any("taken by their wavelengths" in note for note in notes) == (name != "dropped already"), notes


def test_another_sensor_is_refused_by_the_first_band_that_differs(sensed: tuple[Path, npt.NDArray[Any]]) -> None:
    folder, cube = sensed
    expected, _ = classes(folder, folder / "trained.hdr")
    path = write_envi(folder / "other.img", cube, [nm + (4 if band >= 5 else 0) for band, nm in enumerate(NM)])
    with pytest.raises(UserError, match=r"band 5 of the model at 652.5 nm, the scene's nearest at 656.5 nm \(6 of 10"):
        classes(folder, path)
    found, notes = classes(folder, path, match_bands="nearest")
    assert found == expected
    assert any("nearest wavelengths; the largest shift is 4 nm" in note for note in notes)


def test_bands_between_those_of_the_scene_are_interpolated(sensed: tuple[Path, npt.NDArray[Any]]) -> None:
    folder, cube = sensed
    expected, _ = classes(folder, folder / "trained.hdr")
    nm = np.linspace(390, 970, 59)
    finer = np.stack([np.interp(nm, NM, spectrum) for spectrum in cube.reshape(-1, BANDS)])
    path = write_envi(folder / "finer.img", finer.reshape(HEIGHT, WIDTH, 59).astype(np.float32), nm.tolist())
    found, notes = classes(folder, path, match_bands="interpolate")
    assert found == expected
    assert any("interpolated between wavelengths; the largest shift is 5 nm" in note for note in notes), notes


def test_it_is_said_that_nothing_could_be_checked(trained: Path) -> None:
    _, notes = classes(trained, trained / "cube.npy")
    assert "neither model nor scene has wavelengths" in notes[-1]
    with pytest.raises(UserError, match="`match_bands` nearest"):
        classes(trained, trained / "cube.npy", match_bands="nearest")


def test_a_scene_in_another_unit_is_warned_about_with_the_factor(trained: Path) -> None:
    drawn = runs.predict(trained / "bundle", trained / "cube.npy", trained / "map.npy")
    assert not drawn.warnings
    np.save(trained / "reflectance.npy", np.load(trained / "cube.npy") / 10_000)
    drawn = runs.predict(trained / "bundle", trained / "reflectance.npy", trained / "wrong.npy")
    assert "Multiplied by 10000 they lie inside" in drawn.warnings[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label_values": [2, 6]}, "label value"),
        ({"label_values": [2, 2, 9]}, "label value"),
        ({"label_values": [-1, 2, 9]}, "label_values"),
        ({"class_colours": ["2878c8"]}, "colour"),
        ({"wavelengths_nm": [400.0]}, "wavelengths disagree"),
        ({"dropped_bands": [99]}, "bands of model and file"),
        ({"dropped_bands": [3, 3]}, "bands of model and file"),
        ({"rgb_bands": [0, 1, BANDS]}, "bands of model and picture"),
        ({"rgb_bands": [0, -1, 1]}, "bands of model and picture"),
        ({"value_range": [[0.0], [1.0]]}, "range"),
        ({"value_range": [[float("nan")] * BANDS, [1.0] * BANDS]}, "received NaN, which is no number"),
    ],
)
def test_a_provenance_that_does_not_fit_the_model_is_refused(change: dict[str, Any], words: str, trained: Path) -> None:
    path = trained / "bundle" / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    write_manifest(trained / "bundle")
    with pytest.raises(UserError, match=words):
        load_bundle(trained / "bundle")

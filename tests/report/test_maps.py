"""Map files, read back by the readers that users have."""

import re
import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from matplotlib import image
from rasterio.crs import CRS

from hsiauto.errors import UserError
from hsiauto.models.predict import Prediction
from hsiauto.report.legend import Legend
from hsiauto.report.maps import LAYERS, check_map, map_files, write_map
from hsiauto.report.palette import CLASS_COLOURS, class_colours
from hsiauto.scene.model import GeoReference

LEGEND = Legend(("corn, notill", "woods"), (2, 6), class_colours(6)[[1, 5]])
"""Classes 1, 3, 4 and 5 of the user's label map were left out."""
UTM = GeoReference(CRS.from_epsg(32616).to_wkt(), (20.0, 0.0, 500000.0, 0.0, -20.0, 4480000.0))
VALUES = [[0, 2, 6], [6, 6, 2]]


@pytest.fixture
def prediction() -> Prediction:
    classes = np.array([[0, 1, 2], [2, 2, 1]], np.int16)
    probabilities = np.stack([classes == 1, classes == 2]).astype(np.float32)
    return Prediction(classes, (classes / 4).astype(np.float32), probabilities, (classes / 2).astype(np.float32))


def test_overviews_of_a_map_hold_its_classes_alone(tmp_path: Path) -> None:
    classes = np.random.default_rng(0).integers(0, 3, (700, 600)).astype(np.int16)
    confidence = np.ones((700, 600), np.float32)
    write_map(Prediction(classes, confidence), tmp_path / "map.tif", LEGEND, UTM, ("class", "confidence"))
    for name, values in (("map.tif", {0, 2, 6}), ("map-confidence.tif", {1})):
        with rasterio.open(tmp_path / name) as raster:
            assert raster.overviews(1) == [2]
            assert set(np.unique(raster.read(1, out_shape=(350, 300))).tolist()) == values


def with_values(*values: int) -> Legend:
    return Legend(LEGEND.names, values, LEGEND.colours)


def categories(path: Path, folder: Path) -> list[str]:
    """The category names that GDAL finds."""
    rasterio.shutil.copy(path, folder / "seen.vrt", driver="VRT")
    return re.findall(r"<Category(?:>(.*?)</Category>|\s*/>)", (folder / "seen.vrt").read_text())


def test_tif_is_one_band_of_label_values_with_names_colours_and_geo_reference(
    prediction: Prediction, tmp_path: Path
) -> None:
    write_map(prediction, tmp_path / "map.tif", LEGEND, UTM)
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert raster.dtypes == ("uint8",)
        assert raster.read(1).tolist() == VALUES
        assert raster.crs == CRS.from_epsg(32616)
        assert tuple(raster.transform)[:6] == UTM.transform
        assert raster.nodata == 0
        assert raster.tags()["CLASS_2"] == "corn, notill"
        assert raster.tags()["CLASS_6"] == "woods"
        assert raster.colormap(1)[6] == (*class_colours(6)[5], 255)
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert categories(tmp_path / "map.tif", tmp_path) == ["no data", "", "corn, notill", "", "", "", "woods"]
    assert "GDALRasterAttributeTable" in (tmp_path / "seen.vrt").read_text()


@pytest.mark.parametrize(("largest", "dtype"), [(255, "uint8"), (300, "uint16"), (65535, "uint16"), (70000, "uint32")])
def test_tif_has_the_smallest_type_that_holds_the_values(
    largest: int, dtype: str, prediction: Prediction, tmp_path: Path
) -> None:
    write_map(prediction, tmp_path / "map.tif", with_values(2, largest))
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert raster.dtypes == (dtype,)
        assert raster.read(1)[1, 1] == largest
        assert raster.tags()[f"CLASS_{largest}"] == "woods"
        if dtype != "uint32":
            assert raster.colormap(1)[largest][:3] == tuple(LEGEND.colours[1])


@pytest.mark.parametrize("name", ["map.tif", "map.hdr", "map.npy"])
def test_a_class_0_is_not_taken_for_no_data(name: str, prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / name, with_values(0, 1))
    if name == "map.npy":
        assert np.load(tmp_path / name).tolist() == [[2, 0, 1], [1, 1, 0]]
        return
    with rasterio.open(tmp_path / name.replace("hdr", "img")) as raster:
        assert raster.read(1).tolist() == [[2, 0, 1], [1, 1, 0]]
        assert raster.nodata == 2


def test_envi_is_a_classification_with_names_colours_and_geo_reference(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.hdr", LEGEND, UTM)
    with rasterio.open(tmp_path / "map.img") as raster:
        assert raster.driver == "ENVI"
        assert raster.read(1).tolist() == VALUES
        assert raster.nodata == 0
        assert raster.crs.to_epsg() == 32616
        np.testing.assert_allclose(tuple(raster.transform)[:6], UTM.transform)
        assert raster.colormap(1)[6][:3] == tuple(class_colours(6)[5])
    header = (tmp_path / "map.hdr").read_text()
    assert "file type = ENVI Classification" in header
    assert "classes = 7\n" in header
    assert "class names = {no data, unused, corn; notill, unused, unused, unused, woods}" in header
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.hdr", "map.img"]


def test_png_shows_the_colours_of_the_legend(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.png", LEGEND)
    picture = (image.imread(tmp_path / "map.png")[..., :3] * 255).round().astype(int)
    assert picture[0].tolist() == [[0, 0, 0], *LEGEND.colours.tolist()]


def test_npy_holds_the_label_values(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.npy", LEGEND)
    assert np.load(tmp_path / "map.npy").tolist() == VALUES


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".hdr"])
def test_each_layer_is_a_file(suffix: str, prediction: Prediction, tmp_path: Path) -> None:
    path = tmp_path / f"map{suffix}"
    kept = prediction.probabilities
    assert kept is not None
    write_map(prediction, path, LEGEND, UTM, LAYERS)
    assert set(tmp_path.iterdir()) == set(map_files(path, LAYERS))
    confidence, probabilities = tmp_path / f"map-confidence{suffix}", tmp_path / f"map-probabilities{suffix}"
    assert prediction.dissimilarity is not None
    if suffix == ".npy":
        assert np.array_equal(np.load(confidence), prediction.confidence)
        assert np.array_equal(np.load(tmp_path / "map-dissimilarity.npy"), prediction.dissimilarity)
        assert np.array_equal(np.load(probabilities), kept)
        return
    with rasterio.open(confidence.with_suffix(".img") if suffix == ".hdr" else confidence) as raster:
        assert np.array_equal(raster.read(), prediction.confidence[None])
        assert raster.crs == CRS.from_epsg(32616) or suffix == ".hdr"
    with rasterio.open(probabilities.with_suffix(".img") if suffix == ".hdr" else probabilities) as raster:
        assert np.array_equal(raster.read(), kept)
        assert raster.descriptions == (("corn; notill" if suffix == ".hdr" else "corn, notill"), "woods")


@pytest.mark.parametrize("name", ["map.png", "map.tif", "map.npy", "map.hdr"])
@pytest.mark.filterwarnings("error")
def test_a_map_needs_no_geo_reference_and_replaces_an_older_one(
    name: str, prediction: Prediction, tmp_path: Path
) -> None:
    write_map(prediction, tmp_path / name, LEGEND)
    first = (tmp_path / name).read_bytes()
    write_map(prediction, tmp_path / name, LEGEND)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("name", ["map.jpg", "map", "map.npy/"])
def test_an_unknown_ending_or_a_missing_folder_is_refused(name: str, prediction: Prediction, tmp_path: Path) -> None:
    path = tmp_path / (name + "x.npy" if name.endswith("/") else name)
    with pytest.raises(UserError):
        write_map(prediction, path, LEGEND)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "largest", "layers", "words"),
    [
        ("map.hdr", 5000, ("class",), "4,095; received 5000. Write .tif"),
        ("map.tif", 2**40, ("class",), "Renumber"),
        ("map.png", 6, ("class", "confidence"), "classes alone"),
        ("map.tif", 6, ("height",), "'height'"),
        ("map.tif", 6, (), "one layer or more"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_work_begins(
    name: str, largest: int, layers: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        check_map(Path(name), with_values(2, largest), layers)  # type: ignore[arg-type]


def test_colours_are_stable_and_distinct() -> None:
    assert len(CLASS_COLOURS) >= 30
    assert len(np.unique(class_colours(80), axis=0)) == 80
    assert np.array_equal(class_colours(80)[:16], class_colours(16))


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".hdr"])
@pytest.mark.parametrize("short", [1, 100, 600, 2000, 40_000])
def test_a_map_for_which_there_is_no_space_is_not_there(tmp_path: Path, suffix: str, short: int) -> None:
    """A limit of file sizes stands in for a disk that is full: writes fail in the same way."""
    rng = np.random.default_rng(0)
    classes = rng.integers(1, 3, (130, 120)).astype(np.int16)
    noisy = Prediction(classes, rng.random(classes.shape, np.float32))
    write_map(noisy, tmp_path / f"map{suffix}", LEGEND, layers=("confidence",))
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    largest = max(map(len, whole.values()))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(largest - short, 0), before[1]))
    try:
        with pytest.raises(UserError, match=r"needs space|written whole"):
            write_map(noisy, tmp_path / f"map{suffix}", LEGEND, layers=("confidence",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == whole

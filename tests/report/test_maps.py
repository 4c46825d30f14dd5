"""Map files, read back by the readers that users have."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from matplotlib import image
from rasterio.crs import CRS

from hsiauto.errors import UserError
from hsiauto.models.predict import Prediction
from hsiauto.report.maps import write_map
from hsiauto.report.palette import CLASS_COLOURS, class_colours
from hsiauto.scene.model import GeoReference

NAMES = ("corn, notill", "woods")
UTM = GeoReference(CRS.from_epsg(32616).to_wkt(), (20.0, 0.0, 500000.0, 0.0, -20.0, 4480000.0))


@pytest.fixture
def prediction() -> Prediction:
    classes = np.array([[0, 1, 2], [2, 2, 1]], np.int16)
    return Prediction(classes, (classes / 4).astype(np.float32))


def test_tif_keeps_classes_confidence_and_geo_reference(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.tif", UTM, NAMES)
    with rasterio.open(tmp_path / "map.tif") as raster:
        assert np.array_equal(raster.read(1), prediction.classes)
        assert np.array_equal(raster.read(2), prediction.confidence)
        assert raster.descriptions == ("class", "confidence")
        assert raster.crs == CRS.from_epsg(32616)
        assert tuple(raster.transform)[:6] == UTM.transform
        assert raster.nodata == 0
        assert raster.tags()["CLASS_1"] == "corn, notill"


def test_envi_is_a_classification_with_names_colours_and_geo_reference(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.hdr", UTM, NAMES)
    with rasterio.open(tmp_path / "map.img") as raster:
        assert raster.driver == "ENVI"
        assert np.array_equal(raster.read(1), prediction.classes)
        assert raster.crs.to_epsg() == 32616
        np.testing.assert_allclose(tuple(raster.transform)[:6], UTM.transform)
        assert raster.colormap(1)[2][:3] == tuple(class_colours(2)[1])
    header = (tmp_path / "map.hdr").read_text()
    assert "file type = ENVI Classification" in header
    assert "classes = 3" in header
    assert "class names = {no data, corn; notill, woods}" in header
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.hdr", "map.img"]


def test_png_shows_the_palette(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.png")
    picture = (image.imread(tmp_path / "map.png")[..., :3] * 255).round().astype(int)
    assert picture[0].tolist() == [[0, 0, 0], *class_colours(2).tolist()]


def test_npy_holds_the_classes(prediction: Prediction, tmp_path: Path) -> None:
    write_map(prediction, tmp_path / "map.npy")
    assert np.array_equal(np.load(tmp_path / "map.npy"), prediction.classes)


@pytest.mark.parametrize("name", ["map.png", "map.tif", "map.npy", "map.hdr"])
@pytest.mark.filterwarnings("error")
def test_a_map_needs_no_geo_reference_and_replaces_an_older_one(
    name: str, prediction: Prediction, tmp_path: Path
) -> None:
    write_map(prediction, tmp_path / name)
    first = (tmp_path / name).read_bytes()
    write_map(prediction, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize("name", ["map.jpg", "map", "map.npy/"])
def test_an_unknown_ending_or_a_missing_folder_is_refused(name: str, prediction: Prediction, tmp_path: Path) -> None:
    path = tmp_path / (name + "x.npy" if name.endswith("/") else name)
    with pytest.raises(UserError):
        write_map(prediction, path)
    assert list(tmp_path.iterdir()) == []


def test_colours_are_stable_and_distinct() -> None:
    assert len(CLASS_COLOURS) >= 30
    assert len(np.unique(class_colours(80), axis=0)) == 80
    assert np.array_equal(class_colours(80)[:16], class_colours(16))

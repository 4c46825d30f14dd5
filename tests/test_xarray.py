"""An image that is a DataArray, classified where it stands."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

import hsiauto.xarray  # noqa: F401 - registers the accessor
from hsiauto.errors import UserError
from hsiauto.models.bundle import load_bundle, save_bundle
from hsiauto.models.predict import predict_scene
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import fitted, small_data


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    known = PROVENANCE.model_copy(update={"dropped_bands": ()})
    save_bundle(fitted("svm", small_data()), tmp_path / "bundle", known)
    return tmp_path / "bundle"


@pytest.fixture
def image() -> xarray.DataArray:
    cube = np.asarray(small_data().cube, np.float32)
    y, x, _ = cube.shape
    array = xarray.DataArray(
        np.moveaxis(cube, 2, 0),
        dims=("band", "y", "x"),
        coords={
            "wavelength": ("band", list(PROVENANCE.wavelengths_nm or ()), {"units": "nm"}),
            "y": 7.5e6 - 30.0 * np.arange(y),
            "x": 5e5 + 30.0 * np.arange(x),
            "lon": (("y", "x"), np.zeros((y, x))),
            "spatial_ref": ((), 0, {"crs_wkt": 'PROJCS["WGS 84 / UTM zone 12N"]'}),
        },
        attrs={"units": "reflectance"},
    )
    array.encoding["grid_mapping"] = "spatial_ref"
    return array


def expected(bundle: Path) -> np.ndarray:
    data, model = small_data(), load_bundle(bundle)
    values = np.array([0, *model.provenance.label_values])
    return values[predict_scene(model.fitted, data.cube, data.valid).classes]


def test_the_map_keeps_coordinates_and_reference_system(bundle: Path, image: xarray.DataArray) -> None:
    drawn = image.hsiauto.predict(bundle)
    np.testing.assert_array_equal(drawn, expected(bundle))
    assert drawn.dims == ("y", "x")
    assert set(drawn.coords) == {"y", "x", "lon", "spatial_ref"}
    assert drawn.coords["spatial_ref"].attrs == image.coords["spatial_ref"].attrs
    assert drawn.encoding["grid_mapping"] == "spatial_ref"
    assert drawn.attrs["flag_values"] == list(PROVENANCE.label_values)
    assert "units" not in drawn.attrs


def test_the_order_of_dimensions_and_of_wavelengths_is_free(bundle: Path, image: xarray.DataArray) -> None:
    turned = image.transpose("x", "band", "y").isel(band=slice(None, None, -1))
    np.testing.assert_array_equal(turned.hsiauto.predict(bundle), expected(bundle).T)
    in_um = image.assign_coords(wavelength=("band", np.array(PROVENANCE.wavelengths_nm) / 1000, {"units": "um"}))
    np.testing.assert_array_equal(in_um.hsiauto.predict(load_bundle(bundle)), expected(bundle))


def test_pixels_without_data_have_a_number_that_no_class_has(bundle: Path, image: xarray.DataArray) -> None:
    unchanged = image.hsiauto.predict(bundle)
    image[:, 0, 1] = np.nan
    image[:, 0, 2] = -9999
    image.encoding["_FillValue"] = -9999
    drawn = image.hsiauto.predict(bundle)
    assert (drawn != unchanged).sum() == 2
    assert drawn[0, 1] == drawn[0, 2] == drawn.encoding["_FillValue"] == 0
    assert drawn.encoding["_FillValue"] not in PROVENANCE.label_values


def test_what_is_no_image_of_the_model_is_refused(bundle: Path, image: xarray.DataArray) -> None:
    for wrong in (image[0], image.rename(band="time"), image.expand_dims("bands")):
        with pytest.raises(UserError, match="two dimensions on the ground"):
            wrong.hsiauto.predict(bundle)
    assert image.rename(band="time").hsiauto.predict(bundle, bands="time").shape == expected(bundle).shape
    with pytest.raises(UserError, match="at 400 nm"):
        image.assign_coords(wavelength=("band", 2000 + np.arange(image.sizes["band"]))).hsiauto.predict(bundle)
    with pytest.raises(UserError, match="are numbers"):
        image.assign_coords(wavelength=("band", ["red"] * image.sizes["band"])).hsiauto.predict(bundle)


def test_without_xarray_the_extra_is_named() -> None:
    code = "import sys; sys.modules['xarray'] = None; import hsiauto.xarray"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "pip install 'hsiauto[xarray]'" in said.splitlines()[-1]

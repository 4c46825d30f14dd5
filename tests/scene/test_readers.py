import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.io

from hsiauto.errors import UserError
from hsiauto.scene import readers
from tests.scene import fabricate as f


@pytest.mark.parametrize("form", f.WRITERS)
def test_a_cube_and_a_label_map_come_back_as_written(tmp_path: Path, form: str) -> None:
    cube = readers.read(f.write(tmp_path / "cube", form, f.cube()), "cube")
    labels = readers.read(f.write(tmp_path / "labels", form, f.labels()), "labels")
    np.testing.assert_array_equal(cube.array, f.cube())
    np.testing.assert_array_equal(labels.array.reshape(f.H, f.W), f.labels())


@pytest.mark.parametrize("interleave", ["bip", "bil", "bsq"])
def test_envi_stays_on_disk_in_every_interleave(tmp_path: Path, interleave: str) -> None:
    hdr = f.envi(tmp_path / f"scene.{interleave}", f.cube(), interleave=interleave)
    for path in (hdr, tmp_path / f"scene.{interleave}"):
        stored = readers.read(path, "cube")
        assert isinstance(stored.array, np.memmap)
        np.testing.assert_array_equal(stored.array, f.cube())


def test_envi_big_endian_with_an_offset(tmp_path: Path) -> None:
    hdr = f.envi(tmp_path / "scene.dat", f.cube(), interleave="bip")
    (tmp_path / "scene.dat").write_bytes(b"\0" * 64 + f.cube().astype(">u2").tobytes())
    text = (
        hdr.read_text().replace("byte order = 0", "byte order = 1").replace("header offset = 0", "header offset = 64")
    )
    hdr.write_text(text)
    np.testing.assert_array_equal(readers.read(hdr, "cube").array, f.cube())


def test_envi_header_facts(tmp_path: Path) -> None:
    waves = ", ".join(map(str, f.WAVELENGTHS_UM))
    header = f"wavelength units = Micrometers\nwavelength = {{{waves}}}\nbbl = {{1, 1, 0, 1, 1}}\n"
    stored = readers.read(f.envi(tmp_path / "scene.dat", f.cube(), header, nodata=9), "cube")
    assert stored.wavelengths_nm == pytest.approx([460, 550, 640, 800, 1600])
    assert stored.good_bands == (True, True, False, True, True)
    assert stored.nodata == 9
    assert stored.geo is not None
    assert stored.geo.transform == (20, 0, 500_000, 0, -20, 4_000_000)
    assert "16N" in stored.geo.crs_wkt


def test_geotiff_keeps_wavelengths_that_gdal_copied(tmp_path: Path) -> None:
    path = f.tif(tmp_path / "scene.tif", f.cube(), nodata=0)
    with rasterio.open(path, "r+") as raster:
        for band, um in enumerate(f.WAVELENGTHS_UM, start=1):
            raster.update_tags(band, wavelength=um, wavelength_units="um")
    stored = readers.read(path, "cube")
    assert stored.wavelengths_nm == pytest.approx([460, 550, 640, 800, 1600])
    assert stored.nodata == 0


def test_npy_is_mapped_not_read(tmp_path: Path) -> None:
    assert isinstance(readers.read(f.write(tmp_path, "npy", f.cube()), "cube").array, np.memmap)


@pytest.mark.parametrize("form", f.WRITERS)
@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty"])
def test_a_damaged_file_is_the_users_to_replace(tmp_path: Path, form: str, damage: str) -> None:
    path = f.write(tmp_path, form, np.random.default_rng(0).integers(0, 4000, (40, 30, 20), dtype=np.uint16))
    data = path.with_suffix(".dat") if form == "envi" else path
    whole = data.read_bytes()
    data.write_bytes(
        {"truncated": whole[: len(whole) // 2], "foreign": b"<html>403 Forbidden</html>", "empty": b""}[damage]
    )
    with pytest.raises(UserError, match=data.name):
        readers.read(path, "cube")


def test_a_missing_file_a_folder_and_an_unknown_type(tmp_path: Path) -> None:
    (tmp_path / "scene.xyz").write_text("1 2 3")
    for name, reason in (("none.mat", "No such file"), ("", "a folder"), ("scene.xyz", r"\.npz")):
        with pytest.raises(UserError, match=reason):
            readers.read(tmp_path / name, "cube")


def test_an_envi_header_alone_says_what_it_misses(tmp_path: Path) -> None:
    hdr = f.envi(tmp_path / "scene.dat", f.cube())
    (tmp_path / "scene.dat").unlink()
    with pytest.raises(UserError, match="data file beside it"):
        readers.read(hdr, "cube")


@pytest.mark.parametrize("suffix", [".mat", ".npz"])
def test_several_arrays_are_listed_and_asked_about(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scene{suffix}"
    if suffix == ".mat":
        scipy.io.savemat(path, {"raw": f.cube(), "corrected": f.cube() + 1, "gt": f.labels()})
    else:
        np.savez(path, raw=f.cube(), corrected=f.cube() + 1, gt=f.labels())
    with pytest.raises(UserError, match=r"raw 7x6x5, corrected 7x6x5, gt 7x6.*`key`"):
        readers.read(path, "cube")
    np.testing.assert_array_equal(readers.read(path, "cube", "corrected").array, f.cube() + 1)
    with pytest.raises(UserError, match="must name an array"):
        readers.read(path, "cube", "corected")
    with pytest.raises(UserError, match="three axes"):
        readers.read(path, "cube", "gt")
    np.testing.assert_array_equal(readers.read(path, "labels").array, f.labels())


def test_nothing_in_a_data_file_is_executed(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="NumPy file of numbers"):
        readers.read(tmp_path / "evil.npy", "cube")


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "scene.tif", "w", driver="GTiff", count=5, height=f.H, width=f.W, dtype="complex_int16"
    ):
        pass
    for path in (f.npy(tmp_path / "scene.npy", f.cube() * 1j), tmp_path / "scene.tif"):
        with pytest.raises(UserError, match="real numbers"):
            readers.read(path, "cube")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_of_any_compression_whole_and_damaged(tmp_path: Path, method: int) -> None:
    stored = f.npy(tmp_path / "data.npy", f.cube()).read_bytes()
    with zipfile.ZipFile(tmp_path / "scene.npz", "w", method) as archive:
        archive.writestr("data.npy", stored)
    np.testing.assert_array_equal(readers.read(tmp_path / "scene.npz", "cube").array, f.cube())
    content = bytearray((tmp_path / "scene.npz").read_bytes())
    for place in range(60, 400, 20):
        damaged = content.copy()
        damaged[place] ^= 0xFF
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with pytest.raises(UserError):
            readers.read(tmp_path / "damaged.npz", "cube")

"""ENVI headers as sensors, ENVI and people write them."""

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from hsiauto.errors import UserError
from hsiauto.scene import readers
from hsiauto.scene.readers import raster
from tests.scene import fabricate as f

FIELDS = {
    "samples": str(f.W),
    "lines": str(f.H),
    "bands": str(f.C),
    "data type": "12",
    "interleave": "bsq",
    "byte order": "0",
    "header offset": "0",
}


def _write(folder: Path, data: bytes | None = None, names: tuple[str, str] = ("s.dat", "s.hdr"), **fields: str) -> Path:
    (folder / names[0]).write_bytes(f.cube().transpose(2, 0, 1).tobytes() if data is None else data)
    merged = FIELDS | {key.replace("_", " "): value for key, value in fields.items()}
    lines = [f"{key} = {value}" for key, value in merged.items() if value]
    (folder / names[1]).write_text("\n".join(["ENVI", *lines]) + "\n")
    return folder / names[1]


def _respell(hdr: Path, how: str) -> None:
    first, *lines = hdr.read_text().splitlines()
    turned = [f"{getattr(key, how)()}={value}" for key, _, value in (line.partition("=") for line in lines)]
    hdr.write_text("\n".join([first, "; a comment = 3", *turned]) + "\n")


@pytest.mark.parametrize("how", ["title", "upper", "lower"])
@pytest.mark.parametrize("interleave", ["bsq", "BSQ"])
def test_keys_and_words_in_any_case(tmp_path: Path, how: str, interleave: str) -> None:
    data = b"\0" * 8 + f.cube().transpose(2, 0, 1).astype(">u2").tobytes()
    hdr = _write(
        tmp_path,
        data,
        byte_order="1",
        header_offset="8",
        interleave=interleave,
        bbl="{1, 0, 1,\n 1, 1}",
        class_names="{a, b}",
        wavelength="{460, 550, 640, 800, 1600}",
        wavelength_units="Nanometers",
        data_ignore_value="7",
    )
    _respell(hdr, how)
    stored = readers.read(hdr, "cube")
    np.testing.assert_array_equal(stored.array, f.cube())
    assert isinstance(stored.array, np.memmap)
    assert stored.good_bands == (True, False, True, True, True)
    assert stored.class_names == ("a", "b")
    assert stored.wavelengths_nm == (460, 550, 640, 800, 1600)
    assert stored.nodata == 7


@pytest.mark.parametrize("names", [("S.IMG", "S.HDR"), ("s.dat", "s.dat.hdr"), ("s", "s.hdr"), ("s.xyz", "s.xyz.hdr")])
def test_names_of_header_and_data_in_any_case(tmp_path: Path, names: tuple[str, str]) -> None:
    _write(tmp_path, names=names)
    for name in names:
        np.testing.assert_array_equal(readers.read(tmp_path / name, "cube").array, f.cube())


def test_what_may_be_left_out_has_its_default(tmp_path: Path) -> None:
    np.testing.assert_array_equal(readers.read(_write(tmp_path, header_offset=""), "cube").array, f.cube())
    plane = f.labels()
    hdr = _write(tmp_path, plane.tobytes(), bands="1", data_type="1", interleave="", byte_order="", header_offset="")
    np.testing.assert_array_equal(readers.read(hdr, "labels").array[..., 0], plane)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("samples", ""),
        ("lines", "-7"),
        ("bands", "five"),
        ("data_type", ""),
        ("data_type", "6"),
        ("data_type", "99"),
        ("interleave", ""),
        ("interleave", "bxq"),
        ("byte_order", ""),
        ("byte_order", "2"),
        ("header_offset", "-8"),
        ("header_offset", "x"),
        ("file_type", "ENVI Spectral Library"),
        ("file_type", "TIFF"),
        ("major_frame_offsets", "{4, 0}"),
        ("bbl", "{1, 0, 1}"),
        ("bbl", "{1, 0, 1, 1, good}"),
        ("bbl", "{1, 0, 1, 1"),
        ("wavelength", "{460, 550}"),
        ("data_ignore_value", "none"),
    ],
)
def test_what_envi_refuses_is_refused_by_the_name_of_the_field(tmp_path: Path, field: str, value: str) -> None:
    name = field.replace("_", " ")
    hdr = _write(tmp_path, None, ("s.dat", "s.hdr"), **{field: value})
    for path in (hdr, tmp_path / "s.dat"):
        with pytest.raises(UserError, match=f"`{name}`"):
            readers.read(path, "cube")


def test_a_field_with_two_values_is_refused(tmp_path: Path) -> None:
    hdr = _write(tmp_path)
    hdr.write_text(hdr.read_text() + "Byte Order = 1\n")
    with pytest.raises(UserError, match="`byte order` must stand once"):
        readers.read(hdr, "cube")


def test_a_header_that_is_none_is_refused(tmp_path: Path) -> None:
    hdr = _write(tmp_path)
    hdr.write_text("samples = 3\n")
    with pytest.raises(UserError, match="word ENVI"):
        readers.read(hdr, "cube")


def test_the_map_is_compared_with_what_gdal_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hdr = _write(tmp_path)
    monkeypatch.setitem(raster._TO_HWC, "bsq", (0, 2, 1))
    with pytest.raises(UserError, match="as GDAL reads it"):
        readers.read(hdr, "cube")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("reflectance_scale_factor", "10000", "reflectance scale factor 10000 not applied"),
        ("data_gain_values", "{2, 2, 2, 2, 3}", "data gain values 2 and others not applied"),
        ("data_offset_values", "{5, 5, 5, 5, 5}", "data offset values 5 not applied"),
        ("data_reflectance_gain_values", "{2, 2, 2, 2, 2}", "data reflectance gain values 2 not applied"),
        ("data_reflectance_offset_values", "{1, 1, 1, 1, 1}", "data reflectance offset values 1 not applied"),
        ("data_gain_values", "{1, 1, 1, 1, 1}", ""),
    ],
)
def test_a_scale_is_said(tmp_path: Path, field: str, value: str, said: str) -> None:
    hdr = _write(tmp_path, None, ("s.dat", "s.hdr"), **{field: value})
    _respell(hdr, "title")
    stored = readers.read(hdr, "cube")
    np.testing.assert_array_equal(stored.array, f.cube())
    assert [note for note in stored.notes if "not applied" in note] == list(stored.notes)
    assert (said in stored.notes[0]) if said else not stored.notes


def test_a_scale_of_a_geotiff_is_said(tmp_path: Path) -> None:
    path = f.tif(tmp_path / "s.tif", f.cube())
    with rasterio.open(path, "r+") as written:
        written.scales, written.offsets = (0.0001,) * f.C, (0.1,) * f.C
    assert "scale 0.0001, offset 0.1 not applied" in readers.read(path, "cube").notes[0]


@pytest.mark.parametrize("line", [" " * 200_000, "\t \t" * 50_000, "key" + " " * 200_000 + "x", "a = {b\n" * 30_000])
def test_a_header_that_is_made_to_be_slow_is_not(tmp_path: Path, line: str) -> None:
    hdr = _write(tmp_path)
    hdr.write_text(hdr.read_text() + line + "\n")
    begin = time.perf_counter()
    with pytest.raises(UserError, match="brace") if "{" in line else contextlib.nullcontext():
        np.testing.assert_array_equal(readers.read(hdr, "cube").array, f.cube())
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("field", ["samples", "data type", "byte order", "header offset"])
def test_digits_of_another_script_are_no_number(tmp_path: Path, field: str) -> None:
    hdr = _write(tmp_path)
    hdr.write_text(hdr.read_text().replace(f"{field} = {FIELDS[field]}", f"{field} = \u0663"))
    with pytest.raises(UserError, match=f"`{field}` must be a whole number"):
        readers.read(hdr, "cube")

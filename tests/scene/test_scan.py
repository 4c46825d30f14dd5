import hashlib

import numpy as np
import pytest

from hsiauto.scene import scan as module
from hsiauto.scene.scan import scan


@pytest.fixture(autouse=True)
def _many_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STRIP_BYTES", 300)  # two rows of the cubes below


def _cube(dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).integers(1, 99, (9, 6, 5)).astype(dtype)


def test_nan_infinity_and_nodata_invalidate_their_pixel() -> None:
    cube = _cube()
    cube[0, 0, 1], cube[4, 3, 0], cube[8, 5] = np.nan, np.inf, -9999
    found = scan(cube, -9999)
    expected = np.ones((9, 6), bool)
    expected[[0, 4, 8], [0, 3, 5]] = False
    np.testing.assert_array_equal(found.valid, expected)
    assert found.empty_bands == ()
    assert not found.constant


def test_a_band_empty_everywhere_does_not_invalidate_the_scene() -> None:
    cube = _cube("int16")
    cube[..., 3] = -1
    cube[2, 2] = -1
    found = scan(cube, -1)
    assert found.empty_bands == (3,)
    assert (~found.valid).sum() == 1


def test_a_nodata_value_that_float32_cannot_hold_is_still_found() -> None:
    cube = _cube()
    cube[1, 1] = np.float32(-3.4028234663852886e38)
    assert not scan(cube, -3.40282346e38).valid[1, 1]


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_constant_means_that_no_pixel_differs(dtype: str) -> None:
    cube = np.broadcast_to(np.arange(5, dtype=dtype), (9, 6, 5)).copy()
    assert scan(cube).constant
    cube[8, 5, 4] += 1
    assert not scan(cube).constant


def test_a_cube_is_constant_whatever_its_missing_pixels_hold() -> None:
    cube = np.full((9, 6, 5), 7.0)
    cube[3, 3] = np.nan
    assert scan(cube).constant


def test_the_hash_is_of_the_values_not_of_strips_order_or_byte_order(monkeypatch: pytest.MonkeyPatch) -> None:
    cube = _cube("uint16")
    turned = np.ascontiguousarray(cube.transpose(2, 0, 1)).transpose(1, 2, 0)
    hashes = {scan(cube).sha256, scan(turned).sha256, scan(cube.astype(">u2")).sha256}
    monkeypatch.setattr(module, "_STRIP_BYTES", 1 << 20)
    hashes.add(scan(cube).sha256)
    hashes.add(hashlib.sha256(b"(9, 6, 5) <u2" + cube.tobytes()).hexdigest())
    assert len(hashes) == 1
    cube[8, 5, 4] += 1
    assert scan(cube).sha256 not in hashes

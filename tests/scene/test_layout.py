import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene.layout import to_hwc

CUBE = np.arange(7 * 6 * 5).reshape(7, 6, 5)
CHW = CUBE.transpose(2, 0, 1)


def test_recognised_from_the_labels_or_from_the_models_bands() -> None:
    for stored in (CUBE, CHW):
        np.testing.assert_array_equal(to_hwc(stored, None, grid=(7, 6)), CUBE)
        np.testing.assert_array_equal(to_hwc(stored, None, n_bands=5), CUBE)


def test_an_ambiguous_cube_is_asked_about_and_told() -> None:
    cube = np.arange(27).reshape(3, 3, 3)
    with pytest.raises(UserError, match="`layout`"):
        to_hwc(cube, None, (3, 3))
    np.testing.assert_array_equal(to_hwc(cube, "CHW", (3, 3)), cube.transpose(1, 2, 0))
    np.testing.assert_array_equal(to_hwc(cube, "HWC", (3, 3)), cube)


def test_a_layout_that_contradicts_the_labels_is_no_layout() -> None:
    with pytest.raises(UserError, match="read as CHW"):
        to_hwc(CUBE, "CHW", (7, 6))


def test_sizes_that_differ_and_a_transposed_map() -> None:
    with pytest.raises(UserError, match=r"7 x 6 x 5 and 7 x 8"):
        to_hwc(CUBE, None, (7, 8))
    with pytest.raises(UserError, match="transposed"):
        to_hwc(CUBE, None, (6, 7))
    with pytest.raises(UserError, match="9 bands"):
        to_hwc(CUBE, None, n_bands=9)

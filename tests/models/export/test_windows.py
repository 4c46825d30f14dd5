"""Windows hold what `np.pad` puts around a scene, and NaN where there are no data."""

import numpy as np
import pytest

from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.svm import SvmConfig
from hsiauto.models.export.windows import Padding, Window
from tests.models.export.models import DATA


@pytest.mark.parametrize("side", [1, 4, 5])
@pytest.mark.parametrize("padding", ["reflect", "nan"])
def test_a_window_is_a_piece_of_the_padded_scene(side: int, padding: Padding) -> None:
    height, width = DATA.valid.shape
    cube = np.arange(height * width * 2).reshape(height, width, 2)
    window, before = Window(side, padding), side // 2
    found = window.gather(cube, DATA.valid, np.arange(height * width)).reshape(height, width, side, side, 2)
    there = np.where(DATA.valid[..., None], cube, np.nan)
    around = ((before, side - 1 - before),) * 2 + ((0, 0),)
    padded = np.pad(there, around, "reflect") if padding == "reflect" else np.pad(there, around, constant_values=np.nan)
    expected = np.moveaxis(np.lib.stride_tricks.sliding_window_view(padded, (side, side), (0, 1)), 2, -1)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_a_config_says_what_it_reads() -> None:
    assert Window.of(SvmConfig()) == Window(1, "nan")
    assert Window.of(SvmConfig(features="multiscale", sigma=1.3)) == Window(13, "nan")
    assert Window.of(Cnn2dConfig(patch=8)) == Window(8, "reflect")
    assert Window.of(Cnn2dConfig(patch=9, border="zeros")) == Window(9, "nan")
    assert Window(1, "nan").shape(5, 7) == (5, 7)
    assert Window(9, "nan").shape(5, 7) == (5, 9, 9, 7)

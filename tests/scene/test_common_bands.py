"""Bands of several scenes: matched by wavelength within half a band's width, else by their number."""

import pytest

from hsiauto.errors import UserError
from hsiauto.scene.common_bands import common_bands
from tests.scene.several_scenes import scene


def test_the_nearest_bands_within_half_a_bands_width_are_common() -> None:
    found = common_bands([scene("a"), scene("b", nm=(514.0, 524.9, 500.5, 900.0))])
    assert found.places == ([0, 1, 2], [2, 0, 1])
    assert found.wavelengths_nm == (500.0, 510.0, 520.0), "those of the first scene"
    assert found.dropped == (3,)
    assert "3 of up to 4 bands are common" in found.notes[0]
    assert "largest shift is 4.9 nm" in found.notes[0]


def test_a_band_stands_for_one_alone() -> None:
    found = common_bands([scene("a"), scene("b", nm=(500.0, 514.9, 529.0, 531.0))])
    assert found.places[1] == [0, 1, 2], "510 is nearer to 514.9 than 520 is"


def test_the_same_bands_need_no_word() -> None:
    found = common_bands([scene("a"), scene("b", nm=(500.2, 510.2, 520.2, 530.2))])
    assert (found.notes, found.dropped) == ((), ())


def test_bands_that_one_scene_dropped_are_common_to_none() -> None:
    of_both = [scene("a", nm=None, n_bands=5, dropped=(0,)), scene("b", nm=None, n_bands=5, dropped=(3,))]
    found = common_bands(of_both)
    assert found.places == ([0, 1, 3, 4], [1, 2, 3, 4])
    assert found.dropped == (0, 3)
    assert "could not be checked" in found.notes[0]


def test_bands_that_do_not_match_are_refused() -> None:
    with pytest.raises(UserError, match="same number of bands") as refused:
        common_bands([scene("a"), scene("b", nm=None, n_bands=7)])
    assert "a 4, b 7 (without wavelengths: b)" in str(refused.value.received)
    with pytest.raises(UserError, match="3 bands in common") as refused:
        common_bands([scene("a"), scene("b", nm=(1500.0, 1510.0, 1520.0))])
    assert refused.value.received == "0 (a 500-530 nm, b 1500-1520 nm)"

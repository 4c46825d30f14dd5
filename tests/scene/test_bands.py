"""Bands of a scene that stand for those of a model."""

from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene.bands import Match, match_bands, taken
from hsiauto.scene.source import MatchBands

MODEL = (500.0, 510.0, 530.0)


@pytest.mark.parametrize(
    ("scene", "bands", "note"),
    [
        ((500, 510, 530), [0, 1, 2], ""),
        ((500.2, 510, 529.9), [0, 1, 2], "largest shift is 0.2 nm"),
        ((530, 510, 500), [2, 1, 0], "in another order"),
        ((490, 500, 505, 510, 520, 530), [1, 3, 5], "3 of 6"),
    ],
)
def test_the_same_wavelengths_are_found(scene: tuple[float, ...], bands: list[int], note: str) -> None:
    match = match_bands(MODEL, scene, "exact")
    assert match.lower.tolist() == bands
    assert not match.weight.any()
    assert note in match.note
    assert bool(note) == bool(match.note)


@pytest.mark.parametrize(
    ("scene", "how", "words"),
    [
        ((500, 511, 530), "exact", "band 2 of the model at 510 nm, the scene's nearest at 511 nm"),
        ((500, 510), "exact", "band 3 of the model at 530 nm"),
        ((500, 510, 560), "nearest", None),
        ((540, 550, 560), "nearest", "band 1 of the model at 500 nm.*more than 25 nm away"),
        ((505, 520, 540), "interpolate", "band 1 of the model at 500 nm"),
        ((500, 510, 529), "interpolate", "band 3 of the model at 530 nm.*to nearest: "),
    ],
)
def test_the_first_band_that_differs_is_named(scene: tuple[float, ...], how: MatchBands, words: str | None) -> None:
    if words is None:
        assert match_bands(MODEL, scene, how).lower.tolist() == [0, 1, 1]
        return
    with pytest.raises(UserError, match=words):
        match_bands(MODEL, scene, how)


def test_two_bands_at_one_wavelength_are_told_apart_by_their_order_only() -> None:
    twice = (500.0, 510.0, 510.0)
    assert match_bands(twice, twice, "exact").lower.tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="band 3 of the model at 510 nm"):
        match_bands(twice, twice[::-1], "exact")


def test_interpolation_weighs_neighbours_and_leaves_bad_bands_out() -> None:
    scene = np.array([495.0, 505, 507, 515, 530, 540])
    match = match_bands(MODEL, scene.tolist(), "interpolate", good=(True, True, False, True, True, True))
    cube = np.broadcast_to(2 * scene, (2, 2, 6)).copy()
    cube[..., [2, 5]] = np.nan
    np.testing.assert_allclose(match.of(cube).astype(float), np.broadcast_to([1000, 1020, 1060], (2, 2, 3)))
    cube[0, 0, 1] = -1
    assert np.isnan(match.of(cube, [-1])[0, 0, :2]).all(), "between a value and none lies no value"


def test_evenly_spaced_bands_of_a_mapped_file_stay_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "cube.npy", np.arange(24).reshape(2, 2, 6))
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    for bands in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 3, 5], [4], [4, 2, 0], [1, 2, 5], [3, 3]):
        found = taken(mapped, bands, 2)
        assert found.tolist() == np.asarray(mapped)[..., bands].tolist()
        assert np.shares_memory(found, mapped) == (bands not in ([1, 2, 5], [3, 3]))
    whole = np.arange(6)
    assert np.shares_memory(Match(whole, whole, np.zeros(6, np.float32)).of(mapped), mapped)

"""Projection: what it does to training pixels, and what it must refuse or survive."""

import os

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf

from hsiauto.errors import UserError
from hsiauto.models import components
from hsiauto.models.preprocess import Projection

RNG = np.random.default_rng(0)
CUBE = (RNG.normal(size=(9, 8, 3)) @ RNG.normal(size=(3, 6)) * 50 + RNG.normal(size=(9, 8, 6)) + 1000).astype(
    np.float32
)
PIXELS = np.sort(RNG.choice(72, 40, replace=False))


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each projection is computed: two that must be equal may not be one that was kept (`test_components.py`)."""
    monkeypatch.setattr(components, "_key", lambda *_: os.urandom(8))


def at(cube: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    return cube.reshape(-1, cube.shape[2])[pixels]


def test_all_bands_are_standardised_on_training_pixels() -> None:
    y = Projection.fit(CUBE, PIXELS, 0, True)(at(CUBE, PIXELS))
    assert np.allclose(y.mean(0), 0, atol=1e-4)
    assert np.allclose(y.std(0), 1, atol=1e-4)


def test_whitened_components_are_uncorrelated_with_unit_variance() -> None:
    y = Projection.fit(CUBE, PIXELS, 4, True)(at(CUBE, PIXELS))
    assert y.shape == (40, 4)
    assert np.allclose(np.cov(y.T, bias=True), np.eye(4), atol=1e-3)


def test_unwhitened_components_share_one_factor() -> None:
    y = Projection.fit(CUBE, PIXELS, 6, False)(at(CUBE, PIXELS))
    spectra = at(CUBE, PIXELS).astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(spectra.T, bias=True))[::-1]
    assert np.allclose(y.var(0), variances / variances[0], rtol=1e-3, atol=1e-6)


def test_signs_follow_from_the_data_alone() -> None:
    p = Projection.fit(CUBE, PIXELS, 4, False)
    mirrored = Projection.fit(CUBE, PIXELS[::-1], 4, False)
    assert np.allclose(p.matrix, mirrored.matrix, atol=1e-6)
    assert (p.matrix[np.abs(p.matrix).argmax(0), range(4)] > 0).all()


def test_only_the_given_pixels_are_read() -> None:
    other = CUBE.copy().reshape(-1, 6)
    other[np.setdiff1d(np.arange(72), PIXELS)] = np.nan
    a, b = Projection.fit(CUBE, PIXELS, 3, True), Projection.fit(other.reshape(CUBE.shape), PIXELS, 3, True)
    assert np.array_equal(a.matrix, b.matrix)
    assert np.array_equal(a.mean, b.mean)


@pytest.mark.parametrize("components", [0, 6])
@pytest.mark.parametrize("constant", [slice(2, 3), slice(None)])
def test_constant_bands_give_zeros_not_nan(components: int, constant: slice) -> None:
    cube = CUBE.copy()
    cube[..., constant] = 7.3
    y = Projection.fit(cube, PIXELS, components, True)(at(cube, PIXELS))
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 20
    if components == 0:
        assert (y[:, constant] == 0).all()


def test_duplicated_pixels_do_not_blow_up_rounding_noise() -> None:
    cube = np.repeat(CUBE[:1, :3], 10, axis=0)  # rank 2 after centring
    y = Projection.fit(cube, np.arange(30), 6, True)(cube.reshape(-1, 6))
    assert np.abs(y[:, 2:]).max() < 1e-3


@pytest.mark.parametrize(("pixels", "components"), [(PIXELS, 7), (PIXELS[:3], 3), (PIXELS[:1], 1)])
def test_more_components_than_the_data_has_are_refused(pixels: np.ndarray, components: int) -> None:
    with pytest.raises(UserError, match="min"):
        Projection.fit(CUBE, pixels, components, True)


def test_a_scene_in_strips_equals_the_whole_and_invalid_pixels_are_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    cube, valid = CUBE.copy(), np.ones((9, 8), bool)
    cube[2, 3], cube[0, 0], valid[2, 3], valid[0, 0] = np.nan, 1e38, False, False
    p = Projection.fit(cube, PIXELS[PIXELS > 20], 4, True)
    monkeypatch.setattr("hsiauto.models.preprocess._STRIP_VALUES", 100)
    scene = p.project_scene(cube, valid)
    assert scene.dtype == np.float32
    assert (scene[~valid] == 0).all()
    assert np.allclose(scene[valid], p(cube[valid]), atol=1e-5)


def striped(noise_of_last: float) -> np.ndarray:
    """(40, 40, 4): two smooth signals in bands 0 and 1, and bands 2 and 3 of noise, the last one the strongest."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:40, :40] / 6
    signal = np.stack([np.sin(rows), np.cos(columns + rows), 0 * rows, 0 * rows], axis=-1)
    return signal + rng.normal(size=signal.shape) * np.array([0.05, 0.05, 0.5, noise_of_last])


def test_the_minimum_noise_fraction_puts_signal_first_where_principal_components_put_variance() -> None:
    cube, pixels = striped(noise_of_last=20.0), np.arange(0, 1600, 2)
    principal = Projection.fit(cube, pixels, 2, True)
    least_noise = Projection.fit(cube, pixels, 2, True, "mnf")
    assert np.abs(principal.matrix[3]).argmax() == 0  # the strongest noise is the first principal component
    bands = np.abs(least_noise.matrix) * cube.std(axis=(0, 1))[:, None]
    assert bands[2:].max() < 0.1 * bands[:2].max()


def test_noise_is_white_along_the_directions_of_the_minimum_noise_fraction() -> None:
    cube, pixels = striped(2.0), np.arange(1600)
    y = Projection.fit(cube, pixels, 4, False, "mnf").project_scene(cube, np.ones((40, 40), bool))
    across, down = (y[:, 1:] - y[:, :-1]).reshape(-1, 4), (y[1:] - y[:-1]).reshape(-1, 4)
    covariance = np.cov(np.concatenate([across, down]).T)
    assert np.allclose(covariance / covariance[3, 3], np.eye(4), atol=0.05)


def test_the_minimum_noise_fraction_reads_neighbours_that_hold_data_and_nothing_further() -> None:
    cube, valid = striped(2.0), np.ones((40, 40), bool)
    pixels = np.arange(20) * 40 + 5
    read = {*pixels, *(pixels + 1), *(pixels + 40)}
    other = cube.reshape(-1, 4).copy()
    other[np.setdiff1d(np.arange(1600), list(read))] = np.nan
    fitted = Projection.fit(cube, pixels, 3, True, "mnf", valid)
    assert np.array_equal(
        Projection.fit(other.reshape(cube.shape), pixels, 3, True, "mnf", valid).matrix, fitted.matrix
    )
    cube[3, 6], valid[3, 6] = np.nan, False
    assert np.isfinite(Projection.fit(cube, pixels, 3, True, "mnf", valid).matrix).all()


def test_the_minimum_noise_fraction_of_a_scene_is_that_of_all_its_pixels() -> None:
    """Written out: noise from all pairs of neighbours with data, covariance of all pixels with data, each once."""
    cube, valid = striped(2.0), np.ones((40, 40), bool)
    valid[5, 6:9] = valid[20:23, 39] = False
    cube[~valid] = np.nan
    pairs = [(cube[:, 1:] - cube[:, :-1]).reshape(-1, 4), (cube[1:] - cube[:-1]).reshape(-1, 4)]
    noise = np.concatenate(pairs)
    noise = noise[np.isfinite(noise).all(axis=1)]
    scale = np.sqrt(np.square(noise).mean(axis=0) / 2)
    shrunk, _ = ledoit_wolf(noise / scale / np.sqrt(2), assume_centered=True)
    of_noise = shrunk * np.outer(scale, scale)
    of_scene = np.cov(cube[valid].T, bias=True)
    ratios, directions = eigh(of_scene, of_noise)  # of_scene v = ratio of_noise v, v' of_noise v = 1
    fitted = Projection.fit(cube, np.flatnonzero(valid), 3, False, "mnf", valid)
    expected = directions[:, ::-1][:, :3] / np.sqrt(ratios[-1])
    expected *= np.sign(expected[np.abs(fitted.matrix).argmax(axis=0), range(3)])
    assert np.allclose(fitted.mean, cube[valid].mean(axis=0), atol=1e-5)
    assert np.allclose(
        fitted.matrix * np.sign(fitted.matrix[np.abs(fitted.matrix).argmax(axis=0), range(3)]), expected, atol=1e-4
    )


def test_of_a_large_scene_some_pixels_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hsiauto.models.preprocess._MOST_PIXELS", 30)
    p, q = Projection.fit(CUBE, np.arange(72), 3, True), Projection.fit(CUBE, np.arange(0, 72, 3), 3, True)
    assert np.array_equal(p.matrix, q.matrix)


def test_integers_of_any_width_are_accepted() -> None:
    p = Projection.fit(CUBE.astype(np.uint16), PIXELS, 2, True)
    assert np.isfinite(p.project_scene(CUBE.astype(np.uint16), np.ones((9, 8), bool))).all()


def test_arrays_round_trip_and_damage_is_named() -> None:
    p = Projection.fit(CUBE, PIXELS, 3, True)
    q = Projection.from_arrays(p.arrays())
    assert np.array_equal(p(CUBE), q(CUBE))
    with pytest.raises(UserError, match="mean"):
        Projection.from_arrays({"mean": p.mean[:2], "matrix": p.matrix})


def test_a_cube_with_other_bands_is_refused() -> None:
    with pytest.raises(UserError, match="6 bands"):
        Projection.fit(CUBE, PIXELS, 3, True).project_scene(CUBE[..., :5], np.ones((9, 8), bool))

"""The references know positions and frequencies, never spectra."""

import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from hsiauto.families.references import Coordinate1NNConfig, MajorityConfig
from hsiauto.models.fitted.reference import fit_reference
from hsiauto.split.seal import TrialData

HEIGHT, WIDTH, BANDS = 12, 9, 4


@pytest.fixture
def data() -> TrialData:
    """Three classes of four: class 2 has no training pixel, class 3 has most."""
    rng = np.random.default_rng(0)
    pixels = np.sort(rng.permutation(HEIGHT * WIDTH)[:30]).astype(np.int64)
    labels = np.array([0] * 8 + [1] * 6 + [3] * 16, dtype=np.int64)
    nothing = np.empty(0, dtype=np.int64)
    cube = rng.random((HEIGHT, WIDTH, BANDS), dtype=np.float32)
    return TrialData(cube, np.ones((HEIGHT, WIDTH), dtype=bool), 4, pixels, labels, nothing, nothing)


@pytest.fixture
def everywhere() -> np.ndarray:
    return np.arange(HEIGHT * WIDTH)


def test_coordinate_1nn_takes_the_nearest_training_pixel(data: TrialData, everywhere: np.ndarray) -> None:
    fitted = fit_reference(Coordinate1NNConfig(), data)
    predicted = fitted.probabilities(data.cube, data.valid, everywhere).argmax(axis=1)
    (rows, columns), (y, x) = (np.divmod(p, WIDTH) for p in (everywhere, data.train_pixels))
    squared = (rows[:, None] - y) ** 2 + (columns[:, None] - x) ** 2
    nearest = [set(data.train_labels[row == row.min()]) for row in squared]
    assert all(k in ties for k, ties in zip(predicted, nearest, strict=True))
    np.testing.assert_array_equal(predicted[data.train_pixels], data.train_labels)


def test_majority_is_the_most_frequent_class(data: TrialData, everywhere: np.ndarray) -> None:
    p = fit_reference(MajorityConfig(), data).probabilities(data.cube, data.valid, everywhere)
    np.testing.assert_allclose(p, np.tile([8 / 30, 6 / 30, 0, 16 / 30], (len(everywhere), 1)), rtol=1e-6)


@pytest.mark.parametrize("config", [Coordinate1NNConfig(), MajorityConfig()])
def test_fitted_contract(config: Coordinate1NNConfig | MajorityConfig, data: TrialData, everywhere: np.ndarray) -> None:
    fitted = fit_reference(config, data)
    assert (fitted.config, fitted.n_bands, fitted.n_classes, fitted.support) == (config, BANDS, 4, 0)
    p = fitted.probabilities(data.cube, data.valid, everywhere)
    assert (p.shape, p.dtype) == ((HEIGHT * WIDTH, 4), np.float32)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert fitted.probabilities(data.cube, data.valid, everywhere[:0]).shape == (0, 4)
    spectra = np.random.default_rng(9).random(data.cube.shape)
    for same in (fitted.probabilities(spectra, data.valid, everywhere), _reloaded(fitted, data, everywhere)):
        np.testing.assert_array_equal(same, p)


def _reloaded(fitted: object, data: TrialData, pixels: np.ndarray) -> np.ndarray:
    """A worker sends it back to the driver."""
    return pickle.loads(pickle.dumps(fitted)).probabilities(data.cube, data.valid, pixels)


@pytest.mark.parametrize("kind", [Coordinate1NNConfig, MajorityConfig])
def test_configs(kind: type[Coordinate1NNConfig] | type[MajorityConfig]) -> None:
    config = kind.preset("paper")
    assert config == kind()
    assert (config.kind, config.input) == ("reference", "coordinates")
    assert config.active() == {"family": config.family}
    with pytest.raises(ValidationError):
        kind.model_validate({"learning_rate": 0.1})

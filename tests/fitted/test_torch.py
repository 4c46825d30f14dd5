"""TorchFitted: rebuilt from its parts it predicts the same, whatever is asked together."""

import numpy as np
import pytest
import torch

from hsiauto.errors import UserError
from hsiauto.families.base import TorchConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.fitted.torch import TorchFitted
from hsiauto.preprocess import Projection
from tests.small_scene import small_data

DATA = small_data()
CONFIGS = [
    Cnn2dConfig(components=4, width=8, depth=2, patch=6),
    Cnn3dConfig(width=2, batch_norm=True),
    SpectralMemoryConfig(width=8, heads=2, depth=1),
]


def untrained(config: TorchConfig) -> TorchFitted:
    projection = Projection.fit(DATA.cube, DATA.train_pixels, config.components, config.whiten)
    return TorchFitted(config, projection, config.build(projection.n_channels, 3), 10, 3)


@pytest.mark.parametrize("config", CONFIGS)
def test_parts_rebuild_the_model_to_the_last_bit(config: TorchConfig) -> None:
    fitted = untrained(config)
    before = torch.get_rng_state()
    again = TorchFitted.from_parts(config, fitted.projection, fitted.weights(), 10, 3)
    assert torch.equal(torch.get_rng_state(), before)
    p, q = (f.probabilities(DATA.cube, DATA.valid, DATA.train_pixels) for f in (fitted, again))
    assert p.dtype == np.float32
    assert np.array_equal(p, q)
    assert np.allclose(p.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_prediction_does_not_depend_on_its_company_or_order(config: TorchConfig) -> None:
    fitted = untrained(config)
    together = fitted.probabilities(DATA.cube, DATA.valid, DATA.train_pixels)
    alone = [fitted.probabilities(DATA.cube, DATA.valid, DATA.train_pixels[i : i + 1])[0] for i in range(0, 90, 13)]
    assert np.allclose(together[::13], alone, atol=1e-5)
    assert fitted.probabilities(DATA.cube, DATA.valid, DATA.train_pixels[:0]).shape == (0, 3)


def test_a_prediction_reads_no_further_than_its_support() -> None:
    fitted = untrained(CONFIGS[0])
    pixel, support = 14 * 17 + 8, fitted.support
    rows, columns = np.indices(DATA.valid.shape)
    far = np.maximum(abs(rows - 14), abs(columns - 8)) > support
    cube = np.where(far[..., None], 50.0, DATA.cube)
    p, q = (fitted.probabilities(c, DATA.valid, np.array([pixel])) for c in (DATA.cube, cube))
    assert np.array_equal(p, q)


def test_a_foreign_cube_is_refused() -> None:
    with pytest.raises(UserError, match="10 bands"):
        untrained(CONFIGS[0]).probabilities(DATA.cube[..., :9], DATA.valid, DATA.train_pixels)

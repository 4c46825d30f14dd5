"""TorchFitted: rebuilt from its parts it predicts the same, whatever is asked together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hsiauto.errors import UserError
from hsiauto.families.base import TorchConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.models.fitted.base import scored
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.predict import predict_scene
from hsiauto.models.preprocess import Projection
from hsiauto.split.seal import TrialData
from hsiauto.training.trainer import Epoch, Trainer
from tests.families.tile_family import PlaceConfig
from tests.small_scene import labels, small_data

DATA = small_data()
CONFIGS = [
    Cnn2dConfig(components=4, width=8, depth=2, patch=6),
    Cnn3dConfig(width=2, batch_norm=True),
    SpectralMemoryConfig(width=8, heads=2, depth=1),
    PlaceConfig(tile=8),
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


@pytest.mark.parametrize("config", [CONFIGS[0], PlaceConfig(tile=4)])
def test_a_prediction_reads_no_further_than_its_support(config: TorchConfig) -> None:
    fitted = untrained(config)
    pixel, support = 14 * 17 + 8, fitted.support
    rows, columns = np.indices(DATA.valid.shape)
    far = np.maximum(abs(rows - 14), abs(columns - 8)) > support
    cube = np.where(far[..., None], 50.0, DATA.cube)
    p, q = (fitted.probabilities(c, DATA.valid, np.array([pixel])) for c in (DATA.cube, cube))
    assert np.array_equal(p, q)


def with_validation() -> TrialData:
    """The training pixels, and half of the other ones to validate on."""
    others = np.setdiff1d(np.flatnonzero(DATA.valid), DATA.train_pixels)[::2]
    return replace(DATA, val_pixels=others, val_labels=labels().ravel()[others])


def tiles_trained(epochs: int, state: dict[str, Any] | None = None) -> tuple[Trainer, list[Epoch]]:
    config = PlaceConfig(tile=12, batch_size=16, band_dropout=0.1)
    trainer = Trainer(config, with_validation(), seed=0, max_epochs=4)
    if state is not None:
        trainer.load(state)
    return trainer, list(trainer.run(epochs))


def test_the_validation_of_tiles_is_what_is_scored() -> None:
    data = with_validation()
    trainer, epochs = tiles_trained(2)
    fitted = trainer.fitted()
    p = scored(fitted, data, data.val_pixels)
    loss = -np.log(p[np.arange(len(p)), data.val_labels]).mean()
    assert epochs[-1].val_loss == pytest.approx(loss, rel=1e-5)
    prediction = predict_scene(fitted, data.cube, data.outside_training, strip_rows=5)  # a map without them
    assert np.array_equal(prediction.classes.ravel()[data.val_pixels], p.argmax(axis=1) + 1)
    np.testing.assert_allclose(prediction.confidence.ravel()[data.val_pixels], p.max(axis=1), rtol=1e-5)
    own = epochs[-1].scores
    assert own is not None
    assert own.oa == pytest.approx((p.argmax(axis=1) == data.val_labels).mean())


def test_a_training_on_shifted_tiles_resumes_to_the_last_bit() -> None:
    whole, epochs = tiles_trained(4)
    half, _ = tiles_trained(2)
    rest, resumed = tiles_trained(4, half.state())
    assert [e.train_loss for e in resumed] == [e.train_loss for e in epochs[2:]]
    a, b = whole.fitted().weights(), rest.fitted().weights()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_foreign_cube_is_refused() -> None:
    with pytest.raises(UserError, match="10 bands"):
        untrained(CONFIGS[0]).probabilities(DATA.cube[..., :9], DATA.valid, DATA.train_pixels)

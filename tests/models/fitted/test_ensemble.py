"""EnsembleFitted: the mean of its members, however the scene is cut."""

import numpy as np
import pytest
import torch

from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.ensemble import EnsembleFitted
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.models.predict import predict_scene
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import guide_for, smooth
from hsiauto.split.seal import TrialData
from tests.families.tile_family import PlaceConfig
from tests.small_scene import fitted, small_data


def tiles(data: TrialData, tile: int) -> Fitted:
    """Each pixel's logits depend on all of its tiles, and on its place in them."""
    projection = Projection.fit(data.cube, data.train_pixels, 0, True)
    torch.manual_seed(tile)
    config = PlaceConfig(tile=tile)
    return TorchFitted(config, projection, config.build(projection.n_channels, 3), 10, 3)


def ensemble(data: TrialData, *members: Fitted, smoothing: str = "none", repeated: int = 0) -> EnsembleFitted:
    """`repeated`: how often the first member counts beyond once."""
    configs = [member.config for member in (*members, *members[:1] * repeated)]
    config = EnsembleConfig.model_validate({"members": tuple(configs), "smoothing": smoothing})
    by_config = {member.config: member for member in members}
    in_order = tuple(by_config[part] for part in config.parts)
    return EnsembleFitted(config, in_order, guide_for(config, data.cube, data.train_pixels))


def members(data: TrialData) -> tuple[Fitted, ...]:
    return fitted("svm", data), fitted("forest_multiscale", data), fitted("cnn2d", data)


def test_it_is_the_mean_of_its_members() -> None:
    data = small_data()
    three, pixels = members(data), np.flatnonzero(data.valid)[::3]
    each = [member.probabilities(data.cube, data.valid, pixels) for member in three]
    plain = ensemble(data, *three).probabilities(data.cube, data.valid, pixels)
    assert plain.dtype == np.float32
    np.testing.assert_allclose(plain, sum(each) / 3, rtol=1e-5, atol=1e-7)
    weighted = ensemble(data, *three, repeated=2).probabilities(data.cube, data.valid, pixels)
    np.testing.assert_allclose(weighted, (2 * each[0] + sum(each)) / 5, rtol=1e-5, atol=1e-7)
    assert ensemble(data, *three).probabilities(data.cube, data.valid, pixels[:0]).shape == (0, 3)


def test_its_smoothing_filters_the_mean() -> None:
    data = small_data()
    three, pixels = members(data), np.flatnonzero(data.valid)[40:60]
    plain, guided = ensemble(data, *three), ensemble(data, *three, smoothing="guided")

    def mean(some: np.ndarray) -> np.ndarray:
        return plain.probabilities(data.cube, data.valid, some)

    expected = smooth(guided.config, guided.guide, mean, data.cube, data.valid, pixels)
    answer = guided.probabilities(data.cube, data.valid, pixels)
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(answer - mean(pixels)).max() > 0.01


@pytest.mark.parametrize("smoothing", ["none", "guided", "majority"])
@pytest.mark.parametrize("rows", [1, 4, 28])
def test_strips_equal_the_whole_scene(rows: int, smoothing: str) -> None:
    """Tiles of different sizes among them, which begin at different rows."""
    data = small_data()
    model = ensemble(data, *members(data), tiles(data, 4), tiles(data, 12), smoothing=smoothing)
    whole = model.probabilities(data.cube, data.valid, np.flatnonzero(data.valid))
    prediction = predict_scene(model, data.cube, data.valid, strip_rows=rows, keep_probabilities=True)
    assert prediction.probabilities is not None
    cut = prediction.probabilities.transpose(1, 2, 0)[data.valid]
    np.testing.assert_allclose(cut, whole, rtol=1e-4, atol=1e-6)

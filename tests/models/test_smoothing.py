"""Smoothing of class probabilities: against filters written out, however it is asked, stored and cut."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from hsiauto.families.base import ClassicalConfig, SmoothedConfig, TileConfig, TorchConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.metrics import log_loss, scores
from hsiauto.models.bundle import load_model, save_model
from hsiauto.models.fitted import Fitted, fit_classical
from hsiauto.models.predict import predict_scene
from hsiauto.models.preprocess import Projection
from hsiauto.models.smoothing import EPSILON, guide_for, smooth
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData
from hsiauto.training.trainer import Trainer
from tests.small_scene import labels, small_data

H, W, K, BANDS = 9, 11, 3, 4
FILTERS = ("majority", "guided")


class Scene:
    """Random probabilities of a model, with a hole, and what was asked of the model."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.cube = rng.normal(size=(H, W, BANDS)).astype(np.float32)
        self.valid = np.ones((H, W), bool)
        self.valid[2:4, 5:7] = False
        self.cube[~self.valid] = np.nan
        self.p_HWK = rng.dirichlet(np.ones(K), size=(H, W)).astype(np.float32)
        self.asked: list[int] = []
        self.pixels = np.flatnonzero(self.valid)

    def model(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        self.asked = pixels.tolist()
        return self.p_HWK.reshape(-1, K)[pixels]

    def smooth(self, pixels: Pixels, **values: Any) -> npt.NDArray[np.float32]:
        config = Cnn1dConfig(**values)
        guide = guide_for(config, self.cube, self.pixels)
        return smooth(config, guide, self.model, self.cube, self.valid, pixels)

    def window(self, pixel: int, radius: int) -> npt.NDArray[np.int64]:
        """The pixels with data around `pixel`."""
        row, column = divmod(pixel, W)
        near = self.pixels
        return near[(abs(near // W - row) <= radius) & (abs(near % W - column) <= radius)]


def test_none_is_the_model_alone() -> None:
    scene = Scene()
    assert np.array_equal(scene.smooth(scene.pixels), scene.model(scene.pixels))


def test_majority_counts_the_votes_of_the_window() -> None:
    scene = Scene()
    p = scene.smooth(scene.pixels, smoothing="majority", smoothing_radius=2)
    for pixel, actual in zip(scene.pixels.tolist(), p, strict=True):
        near = scene.p_HWK.reshape(-1, K)[scene.window(pixel, 2)]
        votes = np.bincount(near.argmax(axis=1), minlength=K)
        np.testing.assert_allclose(actual, (votes + near.mean(axis=0)) / (len(near) + 1), rtol=1e-5)
        assert votes[actual.argmax()] == votes.max()


def test_guided_is_a_mean_of_ridge_regressions() -> None:
    scene = Scene()
    radius, some = 1, scene.pixels[::7]
    p = scene.smooth(some, smoothing="guided", smoothing_radius=radius)
    projection = Projection.fit(scene.cube, scene.pixels, components=3, whiten=True)
    guide, own = projection(scene.cube).reshape(-1, 3).astype(np.float64), scene.p_HWK.reshape(-1, K)

    def line(centre: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        near = scene.window(centre, radius)
        x, y = guide[near] - guide[near].mean(axis=0), own[near] - own[near].mean(axis=0)
        a = np.linalg.solve(x.T @ x / len(near) + EPSILON * np.eye(3), x.T @ y / len(near))
        return a, own[near].mean(axis=0) - guide[near].mean(axis=0) @ a

    for pixel, actual in zip(some.tolist(), p, strict=True):
        lines = [line(centre) for centre in scene.window(pixel, radius).tolist()]
        expected = np.mean([guide[pixel] @ a + b for a, b in lines], axis=0).clip(0)
        np.testing.assert_allclose(actual, expected / expected.sum(), rtol=1e-4, atol=1e-5)


def test_the_guide_keeps_an_edge_that_votes_round_off() -> None:
    """A one-pixel spur of another material, which the model sees rightly but not surely."""
    scene = Scene()
    material = np.zeros((H, W), int)
    material[:, 5:] = 1
    material[4, 4] = 1
    scene.valid[:] = True
    scene.pixels = np.arange(H * W)
    scene.cube = np.random.default_rng(1).normal(size=(2, BANDS)).astype(np.float32)[material]
    scene.p_HWK = np.eye(K, dtype=np.float32)[material] * 0.4 + 0.2
    assert (scene.smooth(scene.pixels, smoothing="guided").argmax(axis=1) == material.ravel()).all()
    assert scene.smooth(scene.pixels, smoothing="majority").argmax(axis=1).reshape(H, W)[4, 4] == 0


@pytest.mark.parametrize("smoothing", FILTERS)
def test_what_is_asked_of_the_model_is_within_reach(smoothing: Literal["majority", "guided"]) -> None:
    scene = Scene()
    whole = scene.smooth(scene.pixels, smoothing=smoothing, smoothing_radius=1)
    config = Cnn1dConfig(smoothing=smoothing, smoothing_radius=1)
    places = [40, 12, 40, 94]  # three regions that are filtered one by one
    some = scene.pixels[places]
    np.testing.assert_array_equal(scene.smooth(some, smoothing=smoothing, smoothing_radius=1), whole[places])
    near = np.concatenate([scene.window(pixel, config.smoothing_reach) for pixel in some.tolist()])
    assert scene.asked == sorted(set(near.tolist()))


@pytest.mark.parametrize("smoothing", FILTERS)
def test_a_pixel_without_data_keeps_what_the_model_says_and_moves_no_other(smoothing: str) -> None:
    scene = Scene()
    hole = np.array([2 * W + 5])
    both = scene.smooth(np.concatenate([hole, scene.pixels]), smoothing=smoothing)
    assert np.array_equal(both[:1], scene.model(hole))
    assert np.array_equal(both[1:], scene.smooth(scene.pixels, smoothing=smoothing))


@pytest.mark.parametrize("smoothing", FILTERS)
def test_probabilities_sum_to_one_and_no_pixel_gives_none(smoothing: str) -> None:
    scene = Scene()
    p = scene.smooth(scene.pixels, smoothing=smoothing)
    assert p.dtype == np.float32
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    assert scene.smooth(np.array([], np.int64), smoothing=smoothing).shape == (0, K)


def test_the_support_grows_by_what_the_filter_reads() -> None:
    assert Cnn1dConfig().support == 0
    assert Cnn1dConfig(smoothing="majority", smoothing_radius=3).support == 3
    assert Cnn1dConfig(smoothing="guided", smoothing_radius=3).support == 6
    assert Cnn2dConfig(patch=7, smoothing="guided").support == 3 + 4
    assert ForestConfig(features="multiscale", sigma=1.0, smoothing="majority").support == 4 + 2


def test_rows_read_are_those_of_the_model_around_the_filters() -> None:
    class Tiles(TileConfig):
        tile: int = 8

    plain, smoothed = Tiles(family="tiles"), Tiles(family="tiles", smoothing="guided", smoothing_radius=2)
    assert smoothed.rows_read(20, 30, 100) == plain.rows_read(16, 34, 100)
    assert smoothed.rows_read(0, 30, 33) == plain.rows_read(0, 33, 33)


def trained(config: SmoothedConfig, data: TrialData) -> Fitted:
    if isinstance(config, ClassicalConfig):
        return fit_classical(config, data, seed=0)
    assert isinstance(config, TorchConfig)
    trainer = Trainer(config, data, seed=0, max_epochs=1)
    list(trainer.run(1))
    return trainer.fitted()


def config_of(family: str, smoothing: str) -> SmoothedConfig:
    values: dict[str, Any] = {} if smoothing == "none" else {"smoothing": smoothing, "smoothing_radius": 1}
    return {
        "forest": ForestConfig(n_trees=5, **values),
        "cnn2d": Cnn2dConfig(components=4, patch=5, depth=2, width=4, **values),
        "mambahsi": MambaHsiConfig(components=4, tile=8, width=4, blocks=1, state=2, **values),
    }[family]


@pytest.mark.parametrize("family", ["forest", "cnn2d", "mambahsi"])
@pytest.mark.parametrize("smoothing", FILTERS)
def test_a_bundle_smooths_as_the_model_that_it_holds(smoothing: str, family: str, tmp_path: Path) -> None:
    data = small_data()
    fitted = trained(config_of(family, smoothing), data)
    save_model(fitted, tmp_path / "model")
    again = load_model(tmp_path / "model")
    pixels = np.flatnonzero(data.valid)[::3]
    p = fitted.probabilities(data.cube, data.valid, pixels)
    assert np.array_equal(p, again.probabilities(data.cube, data.valid, pixels))
    assert not np.array_equal(p, trained(config_of(family, "none"), data).probabilities(data.cube, data.valid, pixels))


@pytest.mark.parametrize("family", ["forest", "cnn2d", "mambahsi"])
@pytest.mark.parametrize("smoothing", FILTERS)
@pytest.mark.parametrize("strip_rows", [1, 4])
def test_strips_show_no_seams(smoothing: str, family: str, strip_rows: int) -> None:
    data = small_data()
    fitted = trained(config_of(family, smoothing), data)
    whole = predict_scene(fitted, data.cube, data.valid, strip_rows=1000)
    cut = predict_scene(fitted, data.cube, data.valid, strip_rows=strip_rows)
    np.testing.assert_array_equal(cut.classes, whole.classes)
    np.testing.assert_allclose(cut.confidence, whole.confidence, rtol=1e-4)


@pytest.mark.parametrize("smoothing", ["none", *FILTERS])
def test_validation_sees_what_a_map_shows(smoothing: str) -> None:
    data = small_data()
    val = np.setdiff1d(np.flatnonzero(data.valid), data.train_pixels)[::4]
    data = TrialData(data.cube, data.valid, 3, data.train_pixels, data.train_labels, val, labels().ravel()[val])
    config = config_of("cnn2d", smoothing)
    assert isinstance(config, TorchConfig)
    trainer = Trainer(config, data, seed=0, max_epochs=1)
    (epoch,) = trainer.run(1)
    p = trainer.fitted().probabilities(data.cube, data.valid, val)
    assert epoch.val_loss == pytest.approx(log_loss(data.val_labels, p), rel=1e-5)
    assert epoch.scores is not None
    assert np.array_equal(epoch.scores.confusion, scores(data.val_labels, p.argmax(axis=1), 3).confusion)

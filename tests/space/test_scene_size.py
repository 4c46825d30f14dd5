"""SceneSize: what a scene cannot feed becomes the nearest that it can."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.families.base import SEARCHED
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.space import SceneSize, Space
from hsiauto.space.scene_size import fit_preset

SCENE = SceneSize(n_bands=30, n_pixels=200, height=24, width=40)


@pytest.mark.parametrize(("tile", "nearest"), [(16, 16), (32, 32), (40, 40), (41, 40), (64, 40)])
def test_a_tile_beyond_the_longer_side_is_the_whole_scene(tile: int, nearest: int) -> None:
    config = MambaHsiConfig(tile=tile)
    assert SCENE.nearest(config)["tile"] == nearest
    assert SCENE.fits(config) == (tile == nearest)
    assert SCENE.fits(fit_preset(config, SCENE))


def test_a_patch_fits_the_shorter_side() -> None:
    assert SCENE.nearest(Cnn2dConfig(patch=25))["patch"] == 24
    assert SCENE.fits(Cnn2dConfig(patch=23))


def test_a_space_offers_no_two_tiles_that_are_the_same() -> None:
    space = Space.load("unified", families=["mambahsi"]).bind(30, 200, 24, 40, 4)
    asked = space.distributions(space.preset("mambahsi"))["mambahsi.tile"]
    assert isinstance(asked, CategoricalDistribution)
    assert asked.choices == (16, 32)


@pytest.mark.parametrize(("n_bands", "offered"), [(30, (32,)), (66, (32,)), (67, (32, 64, 128))])
def test_a_space_offers_no_two_bounds_of_latents_that_are_the_same(n_bands: int, offered: tuple[int, ...]) -> None:
    part = Space.load("unified", families=["claresnet"]).bind(n_bands, 200, 24, 40, 4).parts["claresnet"]
    config = part.witness({"components": 0, "attention": "msla"})
    assert config is not None
    asked = part.distributions(config)["claresnet.latent_max"]
    assert isinstance(asked, CategoricalDistribution)
    assert asked.choices == offered


def test_without_unlabelled_pixels_a_config_sees_training_pixels_alone() -> None:
    blind = SceneSize(30, 200, 24, 40, unlabelled="none")
    tiles, components = MambaHsiConfig(tile=16), Cnn2dConfig(components=9, fitted_on="scene")
    assert fit_preset(tiles, blind) == MambaHsiConfig(tile=16, context="training")
    assert fit_preset(components, blind) == Cnn2dConfig(components=9)
    for config in (tiles, components):
        assert SCENE.fits(config)
        assert not blind.fits(config)
        assert blind.fits(fit_preset(config, blind))


@pytest.mark.parametrize("family", [name for name, config in FAMILIES.items() if config.kind in SEARCHED])
def test_a_space_bound_without_unlabelled_pixels_holds_no_config_that_sees_them(family: str) -> None:
    space = Space.load("unified", families=[family])
    blind, open_ = (space.bind(30, 200, 24, 40, 4, unlabelled=unlabelled) for unlabelled in ("none", "scene"))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert not any(blind.suggest(study.ask(), family).transductive for _ in range(12))
    assert not any(config.transductive for config in blind.presets(family))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert any(open_.suggest(study.ask(), family).transductive for _ in range(12))


def test_a_pin_that_sees_the_scene_is_refused_where_none_may() -> None:
    space = Space.load("unified", families=["svm"], pins={"svm.features": "multiscale", "svm.fitted_on": "scene"})
    assert space.bind(30, 200, 24, 40, 4).preset("svm").transductive
    with pytest.raises(UserError, match=r"`unlabelled` is none.*received svm.fitted_on=scene"):
        space.bind(30, 200, 24, 40, 4, unlabelled="none")


@pytest.mark.parametrize("family", [name for name, config in FAMILIES.items() if config.kind in SEARCHED])
def test_a_scene_feeds_exactly_what_it_would_leave_alone(family: str) -> None:
    """Most configs are found to fit without being bounded; the answer is the same."""
    space, fitting = Space.load("unified", families=[family]), list[bool]()
    run_config = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(12):
        config = space.suggest(run_config.ask(), family)
        for scene in (SceneSize(200, 900, 145, 145), SceneSize(8, 60, 20, 14), SceneSize(8, 6, 4, 7)):
            fitting.append(scene.fits(config))
            assert fitting[-1] == (scene.nearest(config) == config.active()), (config, scene)
    assert True in fitting

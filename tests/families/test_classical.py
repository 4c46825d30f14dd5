"""The classical families: every hyperparameter matters, probabilities agree with scikit-learn."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from hsiauto.families import FAMILIES
from hsiauto.families.base import ClassicalConfig
from hsiauto.families.boosting import BoostingConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.lda import LdaConfig
from hsiauto.families.logistic import LogisticConfig
from hsiauto.families.svm import SvmConfig, couple, stratified_subset
from hsiauto.models.fitted.classical import fit_classical
from tests.small_scene import small_data

MULTI: dict[str, Any] = {"features": "multiscale", "components": 4, "sigma": 1.3}
VOTES: dict[str, Any] = {"smoothing": "majority"}
MOVES: list[tuple[type[ClassicalConfig], dict[str, Any], dict[str, Any]]] = [
    (SvmConfig, {}, MULTI),
    (SvmConfig, MULTI, {"components": 5}),
    (SvmConfig, MULTI, {"sigma": 2.0}),
    (SvmConfig, {}, {"C": 0.1}),
    (SvmConfig, {}, {"gamma": 0.1}),
    (SvmConfig, {"C": 1.0}, {"class_weighting": "balanced"}),
    (SvmConfig, {}, {"max_train": 50}),
    (SvmConfig, {}, VOTES),
    (SvmConfig, VOTES, {"smoothing_radius": 1}),
    (ForestConfig, {"n_trees": 5}, MULTI),
    (ForestConfig, {"n_trees": 5}, {"trees": "random"}),
    (ForestConfig, {"n_trees": 5}, {"n_trees": 6}),
    (ForestConfig, {"n_trees": 5}, {"max_features": 0.7}),
    (ForestConfig, {"n_trees": 5}, {"min_samples_leaf": 4}),
    (ForestConfig, {"n_trees": 5}, {"class_weighting": "balanced"}),
    (ForestConfig, {"n_trees": 5}, VOTES),
    (ForestConfig, VOTES | {"n_trees": 5}, {"smoothing_radius": 1}),
    *(
        (family, base | own, move)
        for family, own in (
            (LdaConfig, {}),
            (LogisticConfig, {}),
            (BoostingConfig, {"rounds": 3, "min_samples_leaf": 5}),
            (SvmConfig, {}),
            (ForestConfig, {"n_trees": 5}),
        )
        for base, move in (
            ({}, MULTI),
            (MULTI, {"components": 5}),
            (MULTI, {"sigma": 2.0}),
            (MULTI, {"reduction": "mnf"}),
            (MULTI, {"fitted_on": "scene"}),
            ({}, {"class_weighting": "balanced"}),
            ({}, VOTES),
            (VOTES, {"smoothing_radius": 1}),
        )
        if family not in (SvmConfig, ForestConfig) or {"reduction", "fitted_on"} & move.keys()
    ),
    (LdaConfig, {}, {"shrinkage": "fixed"}),
    (LdaConfig, {"shrinkage": "fixed"}, {"shrinkage_share": 0.5}),
    (LogisticConfig, {}, {"C": 0.1}),
    *(
        (BoostingConfig, {"rounds": 3, "min_samples_leaf": 5}, move)
        for move in (
            {"rounds": 4},
            {"learning_rate": 0.2},
            {"max_leaves": 3},
            {"min_samples_leaf": 9},
            {"max_features": 1.0},
            {"l2": 5.0},
        )
    ),
]


@pytest.mark.parametrize(("family", "base", "move"), MOVES, ids=lambda v: "-".join(v) if isinstance(v, dict) else "")
def test_every_hyperparameter_changes_the_model(
    family: type[ClassicalConfig], base: dict[str, Any], move: dict[str, Any]
) -> None:
    data = small_data()
    pixels = np.flatnonzero(data.valid)
    before, after = (
        fit_classical(config, data, seed=0).probabilities(data.cube, data.valid, pixels)
        for config in (family(**base), family(**(base | move)))
    )
    assert not np.array_equal(before, after)


def test_moves_cover_every_hyperparameter() -> None:
    for family in (config for config in FAMILIES.values() if config.kind == "classical"):
        moved = {name for f, _, move in MOVES if f is family for name in move}
        assert moved == set(family.model_fields) - {"family"}


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_the_most_probable_class_is_the_one_that_svc_predicts(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    centres = rng.normal(size=(n_classes, 4))
    y = np.repeat(np.arange(n_classes), 30)
    x = (centres[y] + rng.normal(size=(len(y), 4))).astype(np.float32)
    new = rng.normal(scale=2, size=(400, 4)).astype(np.float32)
    config = SvmConfig(C=1.0)
    estimator = config.fit(x, y, seed=0, n_jobs=1)
    assert isinstance(estimator, SVC)
    p = config.probabilities(estimator, new)
    assert np.array_equal(p.argmax(axis=1), estimator.predict(new))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p >= 0).all()


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("config", [LdaConfig(), LogisticConfig()], ids=lambda config: config.family)
def test_affine_probabilities_are_scikit_learn_s_and_do_not_depend_on_their_neighbours(
    config: ClassicalConfig, n_classes: int
) -> None:
    rng = np.random.default_rng(n_classes)
    y = np.repeat(np.arange(n_classes), 30)
    x = (rng.normal(size=(n_classes, 7))[y] + rng.normal(size=(len(y), 7))).astype(np.float32)
    estimator: Any = config.fit(x, y, seed=0, n_jobs=1)
    p = config.probabilities(estimator, x)
    np.testing.assert_allclose(p, estimator.predict_proba(x.astype(np.float64)), rtol=1e-6, atol=1e-9)
    assert np.array_equal(np.concatenate([config.probabilities(estimator, row[None]) for row in x]), p)


def test_coupling_recovers_what_the_pairs_say() -> None:
    p = couple(np.array([[9.0, 9.0, 0.0], [0.0, 0.0, 0.0]]), 3)
    assert p[0, 0] > 0.99
    np.testing.assert_allclose(p[1], 1 / 3)
    assert couple(np.array([[-0.4]]), 2)[0, 1] > 0.5


def test_a_subset_keeps_every_class_and_the_proportions() -> None:
    y = np.repeat([0, 1, 2], [900, 99, 1])
    kept = stratified_subset(y, 100, seed=3)
    assert np.bincount(y[kept]).tolist() in ([89, 10, 1], [90, 9, 1])
    assert np.array_equal(kept, stratified_subset(y, 100, seed=3))
    assert not np.array_equal(kept, stratified_subset(y, 100, seed=4))
    assert np.array_equal(stratified_subset(y, 1000, seed=3), np.arange(1000))
    assert set(y[stratified_subset(y, 2, seed=0)]) == {0, 1, 2}


@pytest.mark.parametrize("trees", ["extra", "random"])
def test_a_forest_is_the_same_for_every_number_of_jobs_but_not_for_every_seed(trees: Any) -> None:
    data = small_data()
    pixels = np.flatnonzero(data.valid)
    one, two, other = (
        fit_classical(ForestConfig(n_trees=20, trees=trees), data, seed, n_jobs).probabilities(
            data.cube, data.valid, pixels
        )
        for seed, n_jobs in ((0, 1), (0, 3), (1, 1))
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_a_scene_with_few_bands_bounds_active_components_and_leaves_inactive_ones() -> None:
    assert SvmConfig().bounded(n_bands=5, n_pixels=100) == SvmConfig()
    assert SvmConfig.preset("multiscale").bounded(n_bands=5, n_pixels=100).components == 5


@pytest.mark.parametrize("family", [SvmConfig, ForestConfig, LdaConfig, LogisticConfig, BoostingConfig])
def test_a_class_of_one_pixel_is_fitted_without_a_word_on_the_console(family: type[ClassicalConfig]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(41, 5)).astype(np.float32), np.array([0] * 20 + [1] * 20 + [2])
    x[y == 2] += 9
    config = family.preset("paper")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = config.fit(x, y, seed=0, n_jobs=1)
    p_NK = config.probabilities(estimator, x)
    assert np.isfinite(p_NK).all()
    assert p_NK.shape == (41, 3)

"""HSIClassifier within scikit-learn: its checks, cross-validation with groups, scenes, and what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from hsiauto import HSIClassifier
from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.refit.evidence import allowed
from hsiauto.runs.prepare import prepare
from hsiauto.scene.model import Scene

EXPECTED_FAILURES: dict[str, str] = {}
"""Check of scikit-learn -> why it does not hold."""


def preset(**options: Any) -> HSIClassifier:
    return HSIClassifier(**{"budget": 0, "families": ("lda",), **options})


@parametrize_with_checks([preset()], expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def spectra(tiny_scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Spectra, classes, fields and places of every third labelled pixel."""
    pixels = np.flatnonzero(tiny_scene.labels)[::3]
    rows, columns = np.divmod(pixels, tiny_scene.width)
    classes = np.array(tiny_scene.class_names)[tiny_scene.labels.ravel()[pixels] - 1]
    fields = rows // 10 * 4 + columns // 10
    return tiny_scene.cube.reshape(-1, tiny_scene.n_bands)[pixels], classes, fields, np.stack([rows, columns], axis=1)


def test_cross_validation_with_groups(spectra: Any) -> None:
    x, y, fields, _ = spectra
    folds = GroupKFold(2)
    plain = cross_val_score(preset(), x, y, groups=fields, cv=folds)
    assert plain.min() > 0.5
    with sklearn.config_context(enable_metadata_routing=True):
        routed = preset().set_fit_request(groups=True)
        both = cross_val_score(routed, x, y, params={"groups": fields}, cv=folds)
    np.testing.assert_array_equal(plain, both)
    piped = make_pipeline(StandardScaler(), preset())
    assert cross_val_score(piped, x, y, groups=fields, cv=folds).min() > 0.5


def test_parameters_are_kept_as_given_and_cloned() -> None:
    made = preset(settings={"winner-seeds": 1}, seed=3)
    again = clone(made).set_params(budget=7)
    assert again.get_params() == {**made.get_params(), "budget": 7}
    assert made.budget == 0


def test_a_scene_with_its_label_map(tiny_scene: Scene) -> None:
    values = np.array([0, 10, 20, 30, 40])
    cube, labels = tiny_scene.cube.astype(np.float32), values[tiny_scene.labels]
    cube[0, :5] = np.nan
    fitted = preset(families=("forest",), settings={"on-nodata": "drop"}).fit(cube, labels)
    assert fitted.classes_.tolist() == [10, 20, 30, 40]
    drawn = fitted.predict(cube)
    assert drawn.shape == labels.shape
    assert set(drawn[0, :5]) == {0}, "no data"
    assert set(np.unique(drawn[1:])) <= {10, 20, 30, 40}
    assert fitted.score(cube, labels) == pytest.approx((drawn == labels)[labels > 0].mean())
    assert fitted.predict_proba(cube).shape == (*labels.shape, 4)
    assert fitted.predict_proba(cube)[1:].sum(axis=-1) == pytest.approx(1, abs=1e-3)
    with pytest.raises(UserError, match="bands"):
        fitted.predict(cube[..., 1:])
    if fitted.model_.support:
        with pytest.raises(UserError, match="so it predicts scenes"):
            fitted.predict(cube[5])


def test_spectra_of_a_scene_are_predicted_by_a_model_that_reads_one_pixel(tiny_scene: Scene) -> None:
    fitted = preset().fit(tiny_scene.cube, tiny_scene.labels)
    assert fitted.model_.support == 0
    np.testing.assert_array_equal(fitted.predict(tiny_scene.cube)[5], fitted.predict(tiny_scene.cube[5]))


def test_what_does_not_fit_is_refused_with_the_reason(tiny_scene: Scene, spectra: Any, tmp_path: Any) -> None:
    x, y, fields, places = spectra
    cube, labels = tiny_scene.cube, tiny_scene.labels
    for words, made, arguments in (
        ("label map", preset(), (cube, labels[1:])),
        ("belong to spectra", preset(), (cube, labels, fields)),
        ("groups or by coordinates", preset(), (x, y, fields, places)),
        ("groups has a value for each", preset(), (x, y, fields[1:])),
        ("two classes", preset(), (cube, np.minimum(labels, 1))),
        ("of one family", preset(families=None), (x, y)),
        ("of one family", preset(families=("lda", "svm")), (x, y)),
        ("no neighbours", preset(families=("cnn2d",)), (x, y)),
        ("what nothing else says", preset(settings={"budget": 3}), (x, y)),
        ("no setting", preset(settings={"wonders": 3}), (x, y)),
        ("new or empty", preset(folder=tmp_path.parent), (x, y)),
    ):
        with pytest.raises(UserError, match=words):
            made.fit(*arguments)
    with pytest.raises(NotFittedError):
        preset().predict(x)


class _SearchedError(Exception):
    """In place of a search."""


@pytest.mark.parametrize("given", ["groups", "coordinates"])
def test_a_search_of_spectra_reads_nothing_but_the_spectrum(
    given: str, spectra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y, fields, places = spectra

    def instead(config: RunConfig, folder: Path, **_: Any) -> None:
        prepared = prepare(config)
        space, spec = prepared.space, prepared.split.spec
        assert {"lda", "cnn1d", "spectral_memory"} <= {*space.families}
        assert not {"cnn2d", "mambahsi"} & {*space.families}
        assert {one.support for name in space.families for one in space.presets(name)} == {0}
        assert {one.smoothing_reach for one in allowed(0, prepared.split.buffer)} == {0}
        assert config.unlabelled == "none"
        assert spec.protocol == {"groups": "spectra", "coordinates": "blocks"}[given]
        raise _SearchedError

    monkeypatch.setattr("hsiauto.runs.run.search", instead)
    asked = HSIClassifier(3, settings={"block-size": 10} if given == "coordinates" else None)
    with pytest.raises(_SearchedError):
        asked.fit(x, y, **{given: {"groups": fields, "coordinates": places}[given]})


def test_a_network_that_reads_spectra_is_trained_for_the_epochs_asked_for(spectra: Any) -> None:
    x, y, _, places = spectra
    made = preset(families=("cnn1d",), settings={"max-epochs": 2}).fit(x, y, coordinates=places)
    assert made.predict_proba(x[:7]).shape == (7, 4)

"""Area of applicability: against its definition, on strips, in a bundle; what is foreign lies outside."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from hsiauto.errors import UserError
from hsiauto.families.references import MajorityConfig
from hsiauto.models import applicability
from hsiauto.models.applicability import Applicability, features, n_features
from hsiauto.models.bundle import load_bundle, save_bundle
from hsiauto.models.bundle.content import write_manifest
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.fitted.reference import fit_reference
from hsiauto.models.predict import predict_scene
from hsiauto.split.seal import TrialData
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import fitted, small_data

APART = 3


def area(model: Fitted, data: TrialData, apart: int = APART) -> Applicability:
    return Applicability.fit(model, data, apart)


@pytest.mark.parametrize("kind", ["svm", "forest_multiscale", "cnn2d", "ensemble"])
def test_distance_to_the_nearest_training_pixel_over_that_within_training(kind: str) -> None:
    data = small_data()
    model, every = fitted(kind, data), np.flatnonzero(data.valid)
    found = area(model, data)
    x, reference = (features(model, data.cube, data.valid, p).astype(np.float64) for p in (every, data.train_pixels))
    places = np.stack(np.divmod(data.train_pixels, data.cube.shape[1]), axis=1)
    other = np.array(
        [
            min(np.linalg.norm(r - s) for s, at in zip(reference, places, strict=True) if np.abs(at - p).max() >= APART)
            for r, p in zip(reference, places, strict=True)
        ]
    )
    low, high = np.quantile(other, (0.25, 0.75))
    threshold = other[other <= high + 1.5 * (high - low)].max()
    assert found.threshold == pytest.approx(threshold, rel=1e-4)
    expected = np.linalg.norm(x[:, None] - reference, axis=2).min(axis=1) / threshold
    np.testing.assert_allclose(found.dissimilarity(model, data.cube, data.valid, every), expected, atol=2e-3)


def test_foreign_ground_lies_outside_and_the_scene_itself_inside() -> None:
    data = small_data()
    model = fitted("svm", data)
    found, every = area(model, data), np.flatnonzero(data.valid)
    assert (found.dissimilarity(model, data.cube, data.valid, every) <= 1).mean() > 0.9
    assert (found.dissimilarity(model, data.cube + 9, data.valid, every) > 1).all()


def test_a_wider_gap_to_other_folds_makes_the_area_no_smaller() -> None:
    data = small_data()
    model = fitted("svm", data)
    assert area(model, data, 1).threshold <= area(model, data, 12).threshold
    assert area(model, data, 900).threshold > 0, "no training pixel is so far away"


def test_training_is_thinned_by_classes_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applicability, "MOST", 30)
    data = small_data()
    rare = replace(data, train_labels=np.where(np.arange(90) < 80, 0, np.where(np.arange(90) < 85, 1, 2)))
    model = fitted("svm", data)
    reference = area(model, rare).reference
    assert len(reference) == 30
    kept = {row.tobytes() for row in reference}
    assert all(row.tobytes() in kept for row in features(model, data.cube, data.valid, data.train_pixels[80:]))


def test_a_scene_in_strips_is_as_dissimilar_as_the_whole() -> None:
    data = small_data()
    model = fitted("forest_multiscale", data)
    whole, strips = (
        predict_scene(model, data.cube, data.valid, strip_rows=rows, applicability=area(model, data))
        for rows in (None, 4)
    )
    assert whole.dissimilarity is not None
    assert strips.dissimilarity is not None
    np.testing.assert_allclose(strips.dissimilarity, whole.dissimilarity, atol=2e-3)
    assert np.array_equal(np.isnan(whole.dissimilarity), ~data.valid)
    assert whole.share_applicable == pytest.approx((whole.dissimilarity[data.valid] <= 1).mean())
    assert predict_scene(model, data.cube, data.valid).share_applicable is None


@pytest.mark.parametrize("kind", ["svm", "cnn2d", "ensemble"])
def test_a_bundle_keeps_it(kind: str, tmp_path: Path) -> None:
    data = small_data()
    model = fitted(kind, data)
    save_bundle(model, tmp_path / "bundle", PROVENANCE, area(model, data))
    loaded = load_bundle(tmp_path / "bundle")
    assert loaded.applicability is not None
    pixels = np.flatnonzero(data.valid)
    one, two = (
        a.dissimilarity(m, data.cube, data.valid, pixels)
        for a, m in ((area(model, data), model), (loaded.applicability, loaded.fitted))
    )
    np.testing.assert_allclose(one, two, rtol=1e-6)
    save_bundle(model, tmp_path / "without", PROVENANCE)
    assert load_bundle(tmp_path / "without").applicability is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(reference=a["reference"][:, 1:]), "a reference of shape"),
        (lambda a: a.update(reference=a["reference"][:0]), "a reference of shape"),
        (lambda a: a.update(reference=np.repeat(a["reference"], 20, axis=0)), "a reference of shape"),
        (lambda a: a["reference"].__setitem__((0, 0), np.nan), "NaN or infinite numbers in reference"),
        (lambda a: a.update(threshold=-a["threshold"]), "one threshold above 0"),
        (lambda a: a.update(threshold=np.ones(2, np.float32)), "one threshold above 0"),
        (lambda a: a.update(threshold=a["threshold"].astype(np.float64)), "float32"),
        (lambda a: a.pop("threshold"), "threshold"),
        (lambda a: a.update(more=a["threshold"]), "more"),
    ],
)
def test_a_crafted_one_is_refused(
    change: Callable[[dict[str, np.ndarray]], object], words: str, tmp_path: Path
) -> None:
    data = small_data()
    model = fitted("svm", data)
    save_bundle(model, tmp_path / "bundle", PROVENANCE, area(model, data))
    path = tmp_path / "bundle" / "applicability.safetensors"
    arrays = {name: array.copy() for name, array in safetensors.numpy.load_file(path).items()}
    change(arrays)
    path.write_bytes(safetensors.numpy.save(arrays))
    write_manifest(tmp_path / "bundle")
    with pytest.raises(UserError, match=words):
        load_bundle(tmp_path / "bundle")


def test_a_reference_has_none() -> None:
    majority = fit_reference(MajorityConfig(), small_data())
    for ask in (n_features, lambda model: area(model, small_data())):
        with pytest.raises(TypeError, match="reads no spectra"):
            ask(majority)

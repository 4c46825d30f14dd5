"""Scores against scikit-learn, and the cases where the formulas have no value."""

import math
import random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from hsiauto.metrics import Scores, calibration_error, clustered, mcnemar, paired, paired_by_cluster, scores, wilson


def of(truth: list[int], predicted: list[int], n_classes: int) -> Scores:
    return scores(np.array(truth, dtype=np.int64), np.array(predicted, dtype=np.int64), n_classes)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = map(list, zip(*pairs, strict=True))
    found = of(truth, predicted, 5)
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(truth, predicted, labels=range(5)))
    assert found.confusion.dtype == np.int64
    assert found.oa == pytest.approx(sk.accuracy_score(truth, predicted))
    present = sorted(set(truth))
    recalls = sk.recall_score(truth, predicted, labels=present, average=None)
    assert found.aa == pytest.approx(recalls.mean())
    np.testing.assert_allclose(found.per_class[present], recalls)
    assert np.isnan(np.delete(found.per_class, present)).all()
    if len(set(truth) | set(predicted)) > 1:
        assert found.kappa == pytest.approx(sk.cohen_kappa_score(truth, predicted))


@given(st.lists(st.integers(0, 2), min_size=1))
def test_kappa_of_one_class_is_0_whatever_is_predicted(predicted: list[int]) -> None:
    found = of([1] * len(predicted), predicted, 3)
    right = predicted.count(1) / len(predicted)
    assert (found.oa, found.aa, found.kappa) == (right, right, 0.0)


def test_classes_that_truth_does_not_hold_count_as_errors_and_in_no_mean() -> None:
    found = of([0, 0, 1, 1], [0, 2, 1, 1], 3)
    assert (found.oa, found.aa) == (0.75, 0.75)
    assert found.kappa == pytest.approx(sk.cohen_kappa_score([0, 0, 1, 1], [0, 2, 1, 1]))
    assert list(np.isnan(found.per_class)) == [False, False, True]


def test_no_pixel_no_score() -> None:
    found = of([], [], 3)
    assert all(math.isnan(value) for value in (found.oa, found.aa, found.kappa))
    assert np.isnan(found.per_class).all()


@pytest.mark.parametrize(("truth", "predicted"), [([0, 3], [0, 0]), ([0, 0], [0, -1]), ([0], [0, 0])])
def test_bad_classes_and_lengths(truth: list[int], predicted: list[int]) -> None:
    with pytest.raises(ValueError, match="received"):
        of(truth, predicted, 3)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    right, n = counts
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    low, high = wilson(right / n, n)
    assert (low, high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high, abs=1e-12))
    assert 0 <= low < high <= 1


@given(st.sampled_from([0.0, 1.0]) | st.floats(0, 1), st.floats(0.5, 1e6))
@example(1.0, 9.999999999999998)
def test_wilson_holds_the_share(share: float, n: float) -> None:
    """Of a few pixels that are all right it had ended a rounding below 1, and no figure could be drawn."""
    low, high = wilson(share, n)
    assert 0 <= low <= share <= high <= 1


def test_seven_pixels_allow_nearly_anything() -> None:
    assert wilson(6 / 7, 7) == (pytest.approx(0.487, abs=1e-3), pytest.approx(0.974, abs=1e-3))
    assert all(math.isnan(value) for value in (*wilson(0.5, 0), *wilson(math.nan, 7)))


def test_paired_is_students_t() -> None:
    a, b = [0.91, 0.88, 0.93, 0.90], [0.90, 0.89, 0.90, 0.86]
    found = paired(a, b)
    test = stats.ttest_rel(a, b)
    assert (found.mean, found.p, found.n) == (pytest.approx(0.0175), pytest.approx(test.pvalue), 4)
    half = stats.t.ppf(0.975, 3) * np.std(np.subtract(a, b), ddof=1) / 2
    assert (found.low, found.high) == (pytest.approx(0.0175 - half), pytest.approx(0.0175 + half))
    assert paired(b, a).mean == pytest.approx(-found.mean)


def test_paired_without_spread_or_without_pairs() -> None:
    same = ([0.5], [0.25]), ([0.75] * 3, [0.5] * 3), ([0.9, 0.8], [0.8, 0.7]), ([0.5, 0.5], [0.5, 0.5])
    for (a, b), mean in zip(same, (0.25, 0.25, 0.1, 0.0), strict=True):
        found = paired(a, b)
        assert (found.mean, found.n) == (pytest.approx(mean), len(a))
        assert all(math.isnan(value) for value in (found.low, found.high, found.p))
    for a, b in (([], []), ([0.1], [0.1, 0.2])):
        with pytest.raises(ValueError, match="received"):
            paired(a, b)


def test_an_interval_of_pixels_that_are_alike_covers_what_wilsons_misses() -> None:
    """Blocks of 40 pixels whose own accuracies vary: 95 % intervals of 12 blocks, 400 times."""
    rng = np.random.default_rng(0)
    cluster, expected = np.repeat(np.arange(12), 40), 0.7
    covered = {"clustered": 0, "wilson": 0}
    for _ in range(400):
        right = rng.random(480) < rng.beta(4 * expected, 4 * (1 - expected), 12)[cluster]
        for name, found in (("clustered", clustered(right, cluster)), ("wilson", wilson(right.mean(), 480))):
            covered[name] += found.low <= expected <= found.high
    assert covered["clustered"] >= 0.92 * 400
    assert covered["wilson"] < 0.6 * 400


def test_an_interval_of_independent_pixels_is_nearly_wilsons() -> None:
    right = np.random.default_rng(1).random(4_000) < 0.8
    found, plain = clustered(right, np.arange(4_000)), wilson(right.mean(), 4_000)
    assert found == pytest.approx(plain, abs=2e-4)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=80))
def test_an_interval_of_clusters_holds_the_share_and_is_no_narrower_than_wilsons(
    pixels: list[tuple[bool, int]],
) -> None:
    right, cluster = (np.array(values) for values in zip(*pixels, strict=True))
    found, plain = clustered(right, cluster), wilson(right.mean(), len(right))
    assert 0 <= found.low <= right.mean() <= found.high <= 1
    assert found.high - found.low >= plain.high - plain.low - 1e-12
    one = clustered(right, np.zeros_like(cluster))
    assert one == wilson(right.mean(), 1), "one block is one observation"


def test_no_pixel_has_no_interval_of_clusters() -> None:
    assert np.isnan(clustered(np.zeros(0, bool), np.zeros(0, int))).all()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_is_the_binomial_test_of_pixels_that_one_alone_has_right(pairs: list[tuple[bool, bool]]) -> None:
    first, second = np.array(pairs).T
    found, alone = mcnemar(first, second), int((first != second).sum())
    assert found.first_only + found.second_only == alone
    assert found.p == pytest.approx(stats.binomtest(found.first_only, alone).pvalue if alone else 1.0)


def test_clusters_of_one_pixel_are_pairs_and_those_of_equal_pixels_count_once() -> None:
    difference = np.random.default_rng(0).integers(-1, 2, 40).astype(float)
    plain = paired(difference.tolist(), [0.0] * 40)
    assert paired_by_cluster(difference, np.arange(40)) == pytest.approx(plain)
    ninefold = paired_by_cluster(np.repeat(difference, 9), np.repeat(np.arange(40), 9))
    assert ninefold == pytest.approx(plain), "nine pixels that are alike tell no more than one"
    assert np.isnan(paired_by_cluster(difference, np.zeros(40, int)).p)


def test_the_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    right = np.array([True, True, True, False])
    assert calibration_error(right, np.full(4, 0.75)) == 0.0
    assert calibration_error(right, np.ones(4)) == 0.25
    assert calibration_error(~right, np.full(4, 0.75)) == 0.5
    assert math.isnan(calibration_error(right[:0], np.ones(0)))
    sure, unsure = np.full(30, 0.9), np.full(30, 0.5)  # one too sure, one not sure enough: they do not cancel out
    found = calibration_error(np.repeat([True, False, True], [21, 9, 30]), np.r_[sure, unsure])
    assert found == pytest.approx((0.2 + 0.5) / 2)
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1.0, 20_000)
    assert calibration_error(rng.uniform(size=20_000) < confidence, confidence) < 0.01


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.2, 0.5, 0.9, 1.0])), min_size=1), st.randoms())
def test_the_calibration_error_does_not_depend_on_the_order_of_pixels(
    pixels: list[tuple[bool, float]], shuffler: random.Random
) -> None:
    mixed = shuffler.sample(pixels, len(pixels))
    first, second = (calibration_error(*map(np.array, zip(*some, strict=True))) for some in (pixels, mixed))
    assert first == pytest.approx(second)
    assert 0 <= first <= 1

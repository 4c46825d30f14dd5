"""The expected accuracy of a map against what its distances make of it, and what is not known of it."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from hsiauto.leaderboard.map_accuracy import MapAccuracy
from hsiauto.search.events.refits import DistanceBin
from hsiauto.split.distance import BINS
from tests import told


def of(test: list[tuple[int, float]], map_pixels: list[int], beyond: list[int] | None = None) -> list[DistanceBin]:
    """`test`: (pixels, OA) by bin; its interval is the OA, 0.1 less and 0.05 more."""
    scores: list[dict[str, Any]] = [
        {"test_oa": oa, "interval": (oa - 0.1, oa + 0.05)} if pixels else {} for pixels, oa in test
    ]
    return [
        DistanceBin(test_pixels=n, map_pixels=m, map_beyond=b, **score)
        for (n, _), m, b, score in zip(test, map_pixels, beyond or [0] * 5, scores, strict=True)
    ]


def test_each_bin_counts_as_much_as_the_map_has_there() -> None:
    found = MapAccuracy.of(of([(9, 0.9), (9, 0.8), (9, 0.6), (9, 0.5), (9, 0.2)], [10, 0, 30, 40, 20]))
    expected = 0.1 * 0.9 + 0.3 * 0.6 + 0.4 * 0.5 + 0.2 * 0.2
    assert found == pytest.approx((expected, expected - 0.1, expected + 0.05, 0.0))


def test_nearer_than_any_test_pixel_is_not_taken_for_better() -> None:
    found = MapAccuracy.of(of([(0, 0), (0, 0), (9, 0.6), (0, 0), (9, 0.2)], [50, 10, 10, 20, 10]))
    assert found.oa == pytest.approx(0.7 * 0.6 + 0.3 * 0.2), "an empty bin takes the next one further away"


def test_what_lies_beyond_the_test_counts_for_nothing_and_is_said() -> None:
    bins = of([(9, 0.9), (0, 0), (9, 0.5), (0, 0), (0, 0)], [40, 0, 40, 10, 10], [0, 0, 20, 10, 10])
    found = MapAccuracy.of(bins)
    assert found.share_beyond == pytest.approx(0.4)
    assert found.oa == pytest.approx((40 * 0.9 + 20 * 0.5) / 60)


def test_without_a_score_nothing_is_expected() -> None:
    found = MapAccuracy.of([DistanceBin(test_pixels=9, map_pixels=20, map_beyond=0)] * 5)
    assert math.isnan(found.oa)
    assert found.share_beyond == 0


def test_a_journal_whose_bins_contradict_its_scores_is_refused() -> None:
    bins = tuple(of([(6, 0.5), (0, 0), (4, 0.25), (0, 0), (0, 0)], [9] * 5))
    right = {"by_distance": bins, "pixels_test": 10, "test_oa": 0.4}
    assert told.refit("a", **right).by_distance == bins
    for wrong in ({"pixels_test": 11}, {"test_oa": 0.41}, {"by_distance": bins[: len(BINS) - 1]}):
        with pytest.raises(ValidationError, match="bins"):
            told.refit("a", **right | wrong)
    with pytest.raises(ValidationError, match="has pixels and an interval"):
        DistanceBin(test_pixels=0, test_oa=0.5, interval=(0.4, 0.6), map_pixels=1, map_beyond=0)
    with pytest.raises(ValidationError, match="beyond"):
        DistanceBin(test_pixels=0, map_pixels=1, map_beyond=2)

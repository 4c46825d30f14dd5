"""A winner is paired with others on the splits that both have."""

from typing import Any

from benchmarks.winner import difference, oa
from hsiauto.search.events import Refit
from hsiauto.search.events.refits import DistanceBin
from hsiauto.split.distance import BINS


def scored(seed: int, test_oa: float, pixels: int = 500, config_hash: str = "a") -> Refit:
    bins = [DistanceBin(test_pixels=0, map_pixels=9, map_beyond=0) for _ in BINS]
    bins[2] = DistanceBin(test_pixels=pixels, test_oa=test_oa, interval=(0.0, 1.0), map_pixels=9, map_beyond=0)
    known: dict[str, Any] = {
        "config_hash": config_hash,
        "split_seed": seed,
        "test_oa": test_oa,
        "by_distance": tuple(bins),
    }
    return Refit.model_construct(**known)  # what is compared, of a line that holds much else


def test_a_split_counts_once_however_many_seeds_it_has() -> None:
    both = [scored(0, 0.6), scored(0, 0.8), scored(1, 0.5), scored(1, 0.1, config_hash="b")]
    assert oa(both, "a") == {0: 0.7, 1: 0.5}


def test_a_distance_needs_pixels_enough() -> None:
    both = [scored(0, 0.6), scored(1, 0.5, pixels=99)]
    assert oa(both, "a", 2) == {0: 0.6}
    assert oa(both, "a", 3) == {}


def test_only_common_splits_are_paired() -> None:
    assert difference({0: 0.8, 1: 0.7, 2: 0.1}, {0: 0.7, 1: 0.5}) == "+15.0 (-48.5 to +78.5)"
    assert difference({0: 0.8}, {0: 0.7, 1: 0.5}) == "+10.0"
    assert difference({0: 0.8}, {1: 0.5}) == ""

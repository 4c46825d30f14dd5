"""Distances of test and map from training against the definition, and what is said of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.split import Split, SplitSpec, make_split
from hsiauto.split.distance import BINS, Distances, bin_of, statement
from tests.split.maps import fields


@settings(max_examples=60, deadline=None)
@given(data=st.data(), height=st.integers(2, 9), width=st.integers(2, 9))
def test_distances_are_those_of_the_definition(data: st.DataObject, height: int, width: int) -> None:
    order = data.draw(st.permutations(range(height * width)))
    n_pool, n_test = data.draw(st.integers(1, 4)), data.draw(st.integers(1, height * width - 1))
    pool, test = np.sort(order[:n_pool]), np.sort(order[-n_test:])
    valid = np.array(data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width)))
    none = np.empty(0, np.int64)
    split = Split(SplitSpec(), (height, width), pool, none, pool, test, (1, 2), (), "")
    found = Distances.of(split, valid.reshape(height, width))

    def nearest(pixel: int) -> int:
        return min(max(abs(pixel // width - p // width), abs(pixel % width - p % width)) for p in pool)

    assert found.test.tolist() == [nearest(p) for p in test.tolist()]
    assert found.map.tolist() == [nearest(p) for p in np.flatnonzero(valid).tolist()]


def test_labels_that_were_asked_for_are_what_distances_count_from() -> None:
    split = make_split(fields(64, 64), SplitSpec(buffer=2, block_size=16))
    every = np.ones(split.shape, dtype=bool)
    whole, one = Distances.of(split, every), Distances.of(split, every, split.pool[:1])
    assert (one.map >= whole.map).all()
    assert one.map_median > whole.map_median
    assert whole.test_range[0] > 2, "the buffer"


def test_bins() -> None:
    assert bin_of(np.array([0, 1, 4, 5, 8, 9, 16, 17, 32, 33, 900])).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(BINS) == 5


@pytest.mark.parametrize(
    ("nearest", "furthest", "words"), [(9, 40, "9 to 40 pixels"), (1, 1, "1 pixel"), (3, 3, "3 pixels")]
)
def test_what_a_split_measures(nearest: int, furthest: int, words: str) -> None:
    assert statement(nearest, furthest, 16) == f"test pixels lie {words} from training; half of your map lies within 16"


def test_half_of_the_map_lies_within_the_median() -> None:
    for distances in ([1, 1, 2, 9], [3], [1, 2, 3], [0, 5]):
        median = Distances(np.array([1]), np.array(distances)).map_median
        assert np.mean(np.array(distances) <= median) >= 0.5
        assert np.mean(np.array(distances) <= median - 1) < 0.5

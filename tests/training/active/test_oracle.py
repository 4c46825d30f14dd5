"""The oracle gives what it is asked, counts it, and gives nothing twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.training.active.oracle import Oracle, apportion

PIXELS = np.array([3, 5, 8, 13, 21, 34], np.int64)
LABELS = np.array([0, 1, 2, 0, 1, 0], np.int64)


def test_answers_are_counted_and_come_sorted() -> None:
    oracle = Oracle(PIXELS, LABELS, most=4)
    assert oracle.counted == 0
    oracle.ask(np.array([21]))
    oracle.ask(np.array([5, 34]))
    pixels, labels = oracle.revealed
    assert oracle.counted == 3
    assert pixels.tolist() == [5, 21, 34]
    assert labels.tolist() == [1, 1, 0]
    assert oracle.unlabelled.tolist() == [3, 8, 13]


@pytest.mark.parametrize(
    ("asked", "words"), [([4], "pool"), ([99], "pool"), ([5], "once"), ([8, 8], "once"), ([3, 8, 13], "2 labels")]
)
def test_a_fault_is_refused_and_counts_nothing(asked: list[int], words: str) -> None:
    oracle = Oracle(PIXELS, LABELS, most=2)
    oracle.ask(np.array([5]))
    with pytest.raises(ValueError, match=words):
        oracle.ask(np.array(asked))
    assert oracle.counted == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.data())
def test_a_start_has_every_class_and_keeps_proportions(counts: list[int], data: st.DataObject) -> None:
    sizes = np.array(counts)
    if not sizes.any():
        return
    n = data.draw(st.integers(int(np.count_nonzero(sizes)), int(sizes.sum())))
    given_ = apportion(sizes, n)
    assert given_.sum() == n
    assert (given_ <= sizes).all()
    assert (given_[sizes > 0] >= 1).all()
    share = n * sizes / sizes.sum()
    assert (given_ <= np.maximum(1, np.ceil(share))).all(), "no class is above its share while another lags"


def test_the_start_depends_on_the_seed_alone() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 200)
    pixels = np.arange(200) * 3
    starts = [Oracle(pixels, labels, 50).representative(40, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)]
    assert starts[0] == starts[1] != starts[2]
    assert len(set(starts[0])) == 40
    assert starts[0] == sorted(starts[0])
    assert set(starts[0]) <= set(pixels.tolist())

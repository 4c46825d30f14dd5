"""Overlap shares against the definition, patch by patch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.split import Overlap, Split, SplitSpec, make_split, overlap
from tests.split.maps import fields


def split_of(pool: list[int], test: list[int], shape: tuple[int, int]) -> Split:
    trains, tests = np.array(pool, np.int64), np.array(test, np.int64)
    return Split(SplitSpec(), shape, trains, np.empty(0, np.int64), trains, tests, (1, 2), (), "")


def patch(pixel: int, shape: tuple[int, int], support: int) -> set[int]:
    row, column = divmod(pixel, shape[1])
    rows = range(max(0, row - support), min(shape[0], row + support + 1))
    columns = range(max(0, column - support), min(shape[1], column + support + 1))
    return {r * shape[1] + c for r in rows for c in columns}


@settings(max_examples=100, deadline=None)
@given(data=st.data(), height=st.integers(2, 9), width=st.integers(2, 9), support=st.integers(0, 4))
def test_shares_are_those_of_the_definition(data: st.DataObject, height: int, width: int, support: int) -> None:
    shape = (height, width)
    order = data.draw(st.permutations(range(height * width)))
    cut = data.draw(st.integers(1, height * width - 1))
    pool, test = sorted(order[:cut])[:4], sorted(order[cut:])
    seen = set().union(*(patch(p, shape, support) for p in pool))
    expected = Overlap(
        contains=float(np.mean([bool(patch(t, shape, support) & set(pool)) for t in test])),
        shares=float(np.mean([bool(patch(t, shape, support) & seen) for t in test])),
    )
    assert overlap(split_of(pool, test, shape), support) == pytest.approx(expected)


def test_a_buffer_of_the_support_leaves_no_patch_with_a_training_pixel() -> None:
    labels = fields(96, 96, side=8)
    split = make_split(labels, SplitSpec(block_size=16, buffer=5))
    assert overlap(split, 5).contains == 0
    assert overlap(split, 6).contains > 0
    assert overlap(split, 2).shares == 0
    assert overlap(split, 3).shares > 0


def test_random_pixels_share_nearly_everything() -> None:
    split = make_split(fields(96, 96, side=8), SplitSpec(protocol="random"))
    assert overlap(split, 4).contains > 0.95
    assert overlap(split, 0) == Overlap(0.0, 0.0)

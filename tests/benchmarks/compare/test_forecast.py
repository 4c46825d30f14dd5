"""Where a curve ends, as several ways of saying it have it: on curves for which one of them is right."""

import numpy as np
import pytest

from benchmarks.compare.forecast import Question, question

RISE = {1: 0.1, 2: 0.3, 3: 0.4, 4: 0.5}


def asked(*ends: float, add: bool) -> Question:
    """Of the last of several curves with one rise, all but the end of it shown."""
    own = [{e: score + end - RISE[4] if add else score * end / RISE[4] for e, score in RISE.items()} for end in ends]
    return question(own, len(own) - 1, 3, np.random.default_rng(0))


def test_each_way_is_right_where_curves_are_of_its_kind() -> None:
    added, proportional = (asked(0.5, 0.6, 0.8, add=add) for add in (True, False))
    assert added.gain == pytest.approx(added.end)
    assert proportional.proportion == pytest.approx(proportional.end)
    assert added.proportion != pytest.approx(added.end)
    assert proportional.gain != pytest.approx(proportional.end)


def test_what_is_asked_about_is_not_among_what_is_known() -> None:
    one = asked(0.5, 0.6, 0.8, add=True)
    assert one.mean_end == pytest.approx((0.5 + 0.6 + 0.8 - one.end) / 2)
    assert len(one.shown) == 3

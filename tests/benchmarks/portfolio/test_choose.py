"""Portfolios over a made-up table of scores: what is chosen, and what it is worth on ground that it has not seen."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks.portfolio.__main__ import of_one_ground, table
from benchmarks.portfolio.choose import Scores, greedy, leave_one_out

# columns: the preset, one that is good everywhere, one that is best on field alone, one that is always bad
TABLE = np.array([[0.5, 0.7, 0.8, 0.1], [0.5, 0.7, 0.8, 0.1], [0.6, 0.8, 0.6, 0.1], [0.7, 0.75, 0.4, 0.1]])
SCORES = Scores(TABLE, ("field", "field", "town", "shore"), preset=0)


def test_what_helps_most_on_average_comes_first_and_what_helps_nowhere_is_left_out() -> None:
    assert greedy(SCORES, most=3) == [1, 2]
    assert greedy(SCORES, most=1) == [1]


def test_a_ground_that_was_imaged_often_counts_once() -> None:
    often = Scores(np.array([[0.5, 0.6, 0.5]] * 9 + [[0.5, 0.5, 0.65]]), ["field"] * 9 + ["town"], preset=0)
    assert greedy(often, most=1) == [2]


def test_a_config_that_was_not_tried_on_a_task_is_no_better_than_the_worst_there() -> None:
    sparse = Scores(np.array([[0.5, np.nan, 0.52], [0.5, 0.6, 0.52]]), ("field", "town"), preset=0)
    assert sparse.regret[0].tolist() == pytest.approx([0.02, 0.02, 0.0])


def test_a_ground_is_measured_with_what_the_others_chose() -> None:
    field, town, shore = leave_one_out(SCORES, most=1, rng=np.random.default_rng(0))
    assert (field.ground, field.n_chosen) == ("field", 1)
    assert (field.preset, field.portfolio) == pytest.approx((0.3, 0.1))
    assert town.portfolio == pytest.approx(0.2), "without town, what is best on field is chosen"
    assert shore.portfolio == pytest.approx(0.0)
    assert field.random == pytest.approx((0.1 + 0.0 + 0.3) / 3, abs=0.02)


def test_two_images_of_one_label_map_are_one_ground() -> None:
    rows = [("8bit", "s0"), ("16bit", "s0"), ("8bit", "s1"), ("other", "s2")]
    recorded = pd.DataFrame(
        {"scene": scene, "split_hash": split, "config_hash": name, "val_kappa": 0.5, "searched": json.dumps({"C": 1.0})}
        for scene, split in rows
        for name in ("preset", "tuned")
    )
    scores, configs = table(of_one_ground(recorded), "preset")
    assert sorted(scores.grounds) == ["8bit", "8bit", "8bit", "other"]
    assert (scores.table.shape, scores.preset, configs) == ((4, 2), 0, [{"C": 1.0}, {"C": 1.0}])

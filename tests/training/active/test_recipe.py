"""Label counts are arithmetic: known before anything is trained, and those that the source publishes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.errors import UserError
from hsiauto.training.active.recipe import RECIPES, ActiveLabels

SHARES = st.floats(0.001, 1)


def test_indian_pines_recipe_gives_494_labels() -> None:
    recipe = RECIPES["cpdgal-indian-pines"]
    labelled = 10_249
    plan = recipe.labels.plan(round(recipe.pool * labelled), n_classes=16)
    assert (plan[0], plan[-1], len(plan), recipe.max_epochs) == (51, 494, 31, 200)
    assert 100 * plan[-1] / labelled == pytest.approx(4.8, abs=0.05), "4.7 % in the paper"


def test_salinas_recipe_gives_743_labels() -> None:
    recipe = RECIPES["cpdgal-salinas"]
    labelled = 54_129
    plan = recipe.labels.plan(round(recipe.pool * labelled), n_classes=16)
    assert (plan[0], plan[-1], len(plan), recipe.max_epochs) == (108, 743, 11, 50)
    assert 100 * plan[-1] / labelled == pytest.approx(1.37, abs=0.005), "about 1 % in the paper"


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 3000), st.integers(3, 30), SHARES, SHARES, st.integers(0, 40), st.integers(1, 3000))
def test_a_plan_grows_and_keeps_its_bounds(
    n_pool: int, n_classes: int, initial: float, acquire: float, cycles: int, budget: int
) -> None:
    recipe = ActiveLabels(initial=initial, acquire=acquire, cycles=cycles)
    plan = recipe.plan(n_pool, n_classes)
    assert plan[0] >= min(n_classes, n_pool)
    assert plan[-1] <= n_pool
    assert 1 <= len(plan) <= cycles + 1
    assert all(a < b for a, b in pairwise(plan))
    assert len(plan) == cycles + 1 or plan[-1] == n_pool
    if budget >= plan[0]:
        limited = recipe.model_copy(update={"budget": budget}).plan(n_pool, n_classes)
        assert limited[-1] == min(budget, plan[-1])
        assert limited[:-1] == plan[: len(limited) - 1], "a budget cuts the last batch alone"


def test_what_a_scene_cannot_give_is_refused() -> None:
    with pytest.raises(UserError, match="`margin_rank` 2 or less"):
        ActiveLabels().plan(100, 2)
    assert ActiveLabels(acquisition="entropy").plan(100, 2)
    with pytest.raises(UserError, match="16"):
        ActiveLabels(budget=15).plan(100, 16)


def test_names_tell_ways_of_acquisition_apart() -> None:
    names = [ActiveLabels(margin_rank=k).name for k in (2, 3)]
    names += [ActiveLabels(acquisition=how).name for how in ("entropy", "random")]
    assert names == ["margin-2", "margin-3", "entropy", "random"]

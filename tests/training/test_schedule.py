"""Schedules: their shape over any budget."""

import pytest

from hsiauto.training.schedule import learning_rate_factor


def test_a_constant_rate_is_constant_from_the_first_step() -> None:
    assert {learning_rate_factor("constant", step, 100) for step in range(100)} == {1.0}


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
@pytest.mark.parametrize("n_steps", [1, 2, 3, 7, 100, 1001])
def test_factors_are_positive_and_reach_the_peak(schedule: str, n_steps: int) -> None:
    factors = [learning_rate_factor(schedule, step, n_steps) for step in range(n_steps)]  # type: ignore[arg-type]
    assert all(0 < f <= 1 + 1e-12 for f in factors)
    peak = factors.index(max(factors))
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    if n_steps >= 100:
        assert max(factors) > 0.99
        assert factors[0] < 0.3
        assert factors[-1] < 0.01

"""Learning rate schedules as factors of the peak, counted in steps of the whole budget, never of a rung."""

import math
from typing import Literal

WARM_UP = 0.05
"""Share of the steps of `cosine` over which the factor rises to 1."""
ONE_CYCLE_RISE = 0.3
ONE_CYCLE_START = 1 / 25


def learning_rate_factor(schedule: Literal["constant", "cosine", "onecycle"], step: int, n_steps: int) -> float:
    """The factor in (0, 1] for `step` in 0 .. n_steps - 1.

    constant: 1. cosine: linear warm-up, then half a cosine towards 0 (arXiv 1608.03983).
    onecycle: half a cosine from 1/25 to 1 over 30 % of the steps, then down towards 0 (arXiv 1708.07120, without its
    cycle of the momentum).
    """
    if schedule == "constant":
        return 1.0
    done = (step + 1) / n_steps  # > 0, so that a budget of one step trains
    if schedule == "onecycle":
        if done <= ONE_CYCLE_RISE:
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * _half_cosine(done / ONE_CYCLE_RISE)
        return 1 - _half_cosine((step - ONE_CYCLE_RISE * n_steps) / (n_steps * (1 - ONE_CYCLE_RISE)))
    warm_up = WARM_UP * n_steps
    if step + 1 < warm_up:
        return (step + 1) / warm_up
    return 1 - _half_cosine((step + 1 - max(warm_up, 1)) / (n_steps + 1 - max(warm_up, 1)))


def _half_cosine(share: float) -> float:
    """0 -> 1 as share goes 0 -> 1."""
    return 0.5 - 0.5 * math.cos(math.pi * min(max(share, 0.0), 1.0))

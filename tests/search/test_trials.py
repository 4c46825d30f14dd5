"""Which of a family's trials a search learns from."""

import pytest

from hsiauto.search.trials import RECENT, TrialState, recent
from tests import told

TRIAL = told.trial({1: 0.5})


@pytest.mark.parametrize("n", [0, 1, RECENT, RECENT + 1, 2 * RECENT, 20 * RECENT + 3])
def test_all_while_they_are_few_then_about_as_many_of_the_latest(n: int) -> None:
    past: list[TrialState] = [TRIAL] * n
    kept = recent(past)
    assert min(n, RECENT) <= len(kept) < 1.5 * RECENT


def test_the_first_one_stays_for_a_while_so_that_a_study_can_go_on() -> None:
    past = [told.trial({}, f"t{number:05d}", "failed") for number in range(3 * RECENT)]
    firsts = [recent(past[:n])[0].trial_id for n in range(1, len(past) + 1)]
    assert firsts == sorted(firsts)
    assert len(set(firsts)) == 5


def test_trials_that_run_do_not_push_out_what_is_known() -> None:
    """A thousand workers may have more trials of a family at work than are remembered."""
    running = told.trial({}, state="running")
    assert recent([TRIAL] * RECENT + [running] * 3 * RECENT)[0] is TRIAL
    assert recent([TRIAL] * 4 * RECENT + [running] * 3 * RECENT).count(TRIAL) >= RECENT

"""Warnings of a journal, as a search that was extended repeats them; Ctrl-C while a run writes."""

import os
import signal
from pathlib import Path

import pytest

from hsiauto.runs.opened import OpenRun
from hsiauto.search.events import Event, Proposed, Warned
from hsiauto.search.journal import Journal
from hsiauto.search.warnings import standing_warnings
from hsiauto.search.workers.driver import LeftAtOnce
from tests import told
from tests.search import fakes


def _warning(families: list[str], about: str) -> Warned:
    return Warned(about=about, text=f"a budget; left out: {', '.join(families)}", families=tuple(families))


def _proposed(family: str) -> Proposed:
    return told.proposed(family=family)


def test_a_family_that_the_larger_budget_has_tried_is_not_left_out(tmp_path: Path) -> None:
    said = []
    for budget in (1, 8):
        with Journal(tmp_path / "journal") as journal:
            run_config = fakes.run_config(budget=budget)
            fakes.run(fakes.engine(journal, run_config), run_config.max_epochs)
            said.append(standing_warnings(journal.events))
    assert said == [["a budget of 1 cannot give each of 2 families a trial; left out: late"], []]


def test_only_families_without_a_trial_are_named() -> None:
    events: list[Event] = [_warning(["a", "b", "c"], about="budget"), _proposed("a")]
    assert standing_warnings(events) == ["a budget; left out: b, c"]
    assert standing_warnings([*events, _proposed("b"), _proposed("c")]) == []
    assert standing_warnings([*events, _warning(["c"], about="budget")]) == ["a budget; left out: c"]


def test_a_lack_of_time_is_over_once_the_family_has_started_and_other_warnings_stay() -> None:
    late, of_memory = _warning(["a"], about="time"), _warning(["a"], about="memory of t0001")
    assert len(standing_warnings([late, of_memory])) == 2
    assert standing_warnings([late, of_memory, _proposed("a")]) == [of_memory.text]


def _press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_while_a_run_writes_ends_it_afterwards_and_a_second_one_at_once() -> None:
    run, done = OpenRun.__new__(OpenRun), []
    run.interrupted = False
    with run.writing():
        _press()
        done.append("written")
    assert run.interrupted
    run.phase(lambda: done.append("another phase"))

    def write_again() -> None:
        with run.writing():
            _press()
            done.append("written too")

    with pytest.raises(LeftAtOnce):
        write_again()
    assert done == ["written"]

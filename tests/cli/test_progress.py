"""Progress of a grid of trainings: how many, and how long it will take, said once."""

import io

from rich.console import Console

from hsiauto.cli.progress import Progress
from hsiauto.search.events import Ranked, Resumed, Warned
from hsiauto.search.events.transient import Downloading, Forecast, RunOpened
from tests import told
from tests.search import fakes


def said(*seconds_left: float | None) -> list[str]:
    file = io.StringIO()
    with Progress(Console(file=file, width=200)) as progress:
        progress(RunOpened(fakes.run_config(), searches=False, end=None))
        for done, seconds in enumerate(seconds_left):
            progress(told.refit(str(done)))
            progress(Forecast(done, 9, seconds))
    return file.getvalue().splitlines()


def test_the_prediction_is_said_as_soon_as_there_is_one_and_once() -> None:
    assert said(None, None)[:-1] == []
    assert said(None, 600.0, 500.0)[:-1] == ["9 trainings, about 10 min to go"]


def test_the_line_counts_trainings() -> None:
    assert said(None, 600.0, 500.0)[-1].startswith("study: 2 of 9 trainings; 0:00 used, about 8 min to go")
    assert "to go" not in said(600.0, 0.0)[-1]


def test_a_prediction_has_no_more_digits_than_it_has() -> None:
    for seconds, words in ((7, "7 s"), (119, "119 s"), (125, "2 min"), (9_000, "2.5 h"), (400_000, "4.6 days")):
        assert said(None, float(seconds))[0] == f"9 trainings, about {words} to go"


def test_a_search_that_goes_on_counts_what_its_journal_has() -> None:
    file = io.StringIO()
    past = (told.proposed(family="svm"), told.ended(state="failed"))
    with Progress(Console(file=file, width=200)) as progress:
        progress(RunOpened(fakes.run_config(budget=7), searches=True, end=None, past=past))
    assert file.getvalue().startswith("search: 1/7 trials, 1 failed; nothing complete yet")


def test_a_search_that_is_extended_while_it_is_followed_counts_to_its_new_budget() -> None:
    file = io.StringIO()
    with Progress(Console(file=file, width=200)) as progress:
        progress(RunOpened(fakes.run_config(budget=7), searches=True, end=None))
        progress(Resumed(budget=9))
    assert file.getvalue().startswith("search: 0/9 trials")


def test_after_the_ranking_configs_are_retrained() -> None:
    file = io.StringIO()
    with Progress(Console(file=file, width=200)) as progress:
        progress(RunOpened(fakes.run_config(budget=7), searches=True, end=None))
        progress(Ranked(order=(told.placed(),), unplaced={}))
    assert file.getvalue().startswith("refit: 0/7 trials")


def test_what_the_split_lacks_is_said_before_the_first_trial() -> None:
    file = io.StringIO()
    with Progress(Console(file=file, width=200)) as progress:
        progress(RunOpened(fakes.run_config(), searches=True, end=None, told=("test pixels lie far away",)))
        progress(Warned(about="split", text="validation holds no pixel of oats"))
        progress(Warned(about="mirror", text="told at the end"))
    assert file.getvalue().startswith("test pixels lie far away\nwarning: validation holds no pixel of oats\n")
    assert "told at the end" not in file.getvalue()


def test_a_run_that_never_opened_has_no_line() -> None:
    file = io.StringIO()
    with Progress(Console(file=file, width=200)) as progress:
        progress(Downloading("scene.mat", 1, 2))
    assert "refit" not in file.getvalue()

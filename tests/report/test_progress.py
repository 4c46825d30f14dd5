"""Progress of a grid of trainings: how many, and how long it will take, said once."""

import io

from rich.console import Console

from hsiauto.report.progress import Progress
from hsiauto.search.events import Progressed
from tests import told


def said(*seconds_left: float | None) -> list[str]:
    file = io.StringIO()
    with Progress(Console(file=file, width=200), "kappa", None, None) as progress:
        for done, seconds in enumerate(seconds_left):
            progress(told.refit("k"))
            progress(Progressed(done=done, of=9, seconds_left=seconds))
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

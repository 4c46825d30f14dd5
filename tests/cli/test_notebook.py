"""The display below a cell: one output that is replaced, and that a saved notebook keeps."""

from typing import Any

import IPython.display
import pytest
from rich.console import Console

from hsiauto.cli import notebook
from hsiauto.cli.console import PlainConsole
from hsiauto.cli.progress import Progress
from hsiauto.search.events.transient import RunOpened
from tests import told
from tests.search import fakes


class Handle:
    """Stands for what IPython returns."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def update(self, what: Any) -> None:
        self.shown.append(what)


def test_a_cell_shows_the_run_as_it_goes_and_its_last_line_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    handle, first = Handle(), list[Any]()

    def display(*what: Any, **options: Any) -> Handle:
        first.extend(what)
        return handle

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(notebook, "_EVERY_S", 0.0)
    with Progress(PlainConsole(force_jupyter=True)) as progress:
        progress(RunOpened(fakes.run_config(budget=2), True, None, (), ()))
        progress(told.proposed())
        progress(told.started())
    texts = [_text(what) for what in (*first, *handle.shown)]
    assert len(first) == 1, "one output"
    assert "0/2 trials" in texts[0]
    assert "running: t0001" in texts[-2]
    assert texts[-1].startswith("search: 0/2 trials, 1 running")


def test_what_follows_at_once_is_left_out_unless_it_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = Handle()
    monkeypatch.setattr(IPython.display, "display", lambda *what, **options: handle)
    cell = notebook.Cell()
    for now in (False, False, False, True):
        cell.show("text", now=now)  # type: ignore[arg-type]
    assert len(handle.shown) == 1


def _text(what: Any) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(what)
    return captured.get()

"""search.png tells how each trial ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from hsiauto.report import search_figure
from hsiauto.report.search_figure import draw_search
from hsiauto.search.events import Event
from hsiauto.search.journal import Journal
from hsiauto.search.learning_curves import curve
from hsiauto.search.trials import trials
from tests.search import fakes


def _journal(path: Path) -> list[Event]:
    """Trials that complete, stop, fail at their first report, fail after one, and are still running."""
    with Journal(path) as journal:
        run_config = fakes.run_config(budget=16)
        engine = fakes.engine(journal, run_config)
        fakes.run(engine, run_config.max_epochs, limit=12)
        for kappa, error in ((float("nan"), ""), (0.99, "no such layer"), (0.99, "")):
            assignment = engine.next()
            assert assignment is not None
            engine.start(assignment.trial_id, 1, "n", "cpu", 1)
            engine.report(assignment.trial_id, 1, fakes.report(1, kappa))
            if error:
                engine.fail(assignment.trial_id, 1, error)
        return journal.events


def test_the_mark_of_a_trial_is_its_state(tmp_path: Path) -> None:
    events = _journal(tmp_path / "journal")
    states = [trial.state for trial in trials(events).values()]
    assert set(states) == {"completed", "stopped", "failed", "running"}
    reported = list(trials(events).values())
    axes = Figure().add_subplot()
    search_figure._draw_compute(axes, reported, {"quick": "C0", "late": "C1"}, fakes.run_config())
    drawn = [line.get_marker() for line in axes.get_lines() if len(line.get_xdata()) == 1]  # type: ignore[arg-type]
    assert drawn.count("o") == states.count("completed")
    assert drawn.count("x") == states.count("stopped")
    assert drawn.count("v") == 1  # the other one failed without a score
    assert drawn.count("+") == 1
    legend = axes.get_legend()
    assert legend is not None
    words = [text.get_text() for text in legend.get_texts()]
    assert words[-4:] == ["completed", "stopped", "failed", "unfinished"]


def test_a_picture_is_written(tmp_path: Path) -> None:
    draw_search(_journal(tmp_path / "journal"), fakes.run_config(), tmp_path / "search.png")
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")


def test_the_legend_covers_no_point_and_one_step_families_stand_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []

    @contextmanager
    def kept(path: Path, width: float, height: float) -> Iterator[Figure]:
        drawn.append(Figure(figsize=(width, height), layout="constrained"))
        yield drawn[0]

    monkeypatch.setattr(search_figure, "figure_file", kept)
    monkeypatch.setattr(search_figure, "curve", lambda t, of: {9: 0.5} if t.family == "late" else curve(t, of))
    draw_search(_journal(tmp_path / "journal"), fakes.run_config(), tmp_path / "search.png")
    [figure] = drawn
    figure.draw_without_rendering()
    compute, quick, at_once = figure.axes
    assert quick.get_title().startswith("quick: ")
    assert at_once.get_title().startswith("trained in one step")
    assert [label.get_text().split("\n")[0] for label in at_once.get_xticklabels()] == ["late"]
    legend = compute.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y1 <= compute.bbox.y0

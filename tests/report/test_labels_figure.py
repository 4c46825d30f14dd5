"""labels.png: what is drawn is what was journalled."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy import stats

from hsiauto.report.labels_figure import curves, draw_labels, mean
from hsiauto.search.events import Event
from tests import told


def events(key: str, family: str, scores: list[float], state: str = "completed") -> list[Event]:
    cycles = [told.cycle(key, i, labels=10 + 5 * i, test_oa=score) for i, score in enumerate(scores)]
    return [*cycles, told.refit(key, family=family, acquisition="margin-3", state=state)]


def test_curves_are_those_of_completed_trainings_by_cycle() -> None:
    journal = [
        *events("a/seed-0", "svm", [0.1, 0.2], state="failed"),
        *events("a/seed-0", "svm", [0.5, 0.6, 0.7]),
        *events("a/seed-1", "svm", [0.3, 0.8, 0.7]),
        *events("b/seed-0", "forest", [0.4], state="skipped"),
    ]
    found = curves(journal)
    assert found == {"svm, margin-3": [[(10, 0.5), (15, 0.6), (20, 0.7)], [(10, 0.3), (15, 0.8), (20, 0.7)]]}
    assert mean(found["svm, margin-3"]) == [(10, 0.4), (15, 0.7), (20, 0.7)]


def test_the_canary_has_the_curve_of_the_labels_it_was_given() -> None:
    journal = events("a/seed-0", "svm", [0.5, 0.6])
    assert curves(journal, "canary_oa") == {}
    journal[:-1] = [told.cycle("a/seed-0", i, labels=10 + i, test_oa=0.5, canary_oa=0.4 + i / 10) for i in range(2)]
    assert curves(journal, "canary_oa") == {"svm, margin-3": [[(10, 0.4), (11, 0.5)]]}


def test_a_run_without_asked_labels_has_no_figure(tmp_path: Path) -> None:
    assert not draw_labels([told.refit("a")], tmp_path / "labels.png")
    assert not list(tmp_path.iterdir())


def test_the_axis_says_of_how_many_pixels_and_the_result_has_their_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []

    @contextmanager
    def kept(path: Path, width: float, height: float) -> Iterator[Figure]:
        drawn.append(Figure())
        yield drawn[0]

    monkeypatch.setattr("hsiauto.report.labels_figure.figure_file", kept)
    journal = events("a/seed-0", "svm", [0.5, 0.6])
    draw_labels([*journal[:-1], told.refit("a/seed-0", acquisition="margin-3", pixels_test=50)], tmp_path / "x.png")
    (axes,) = drawn[0].axes
    assert "50 pixels" in axes.get_ylabel()
    (interval,) = axes.collections
    assert isinstance(interval, LineCollection)
    expected = stats.binomtest(30, 50).proportion_ci(method="wilson")
    np.testing.assert_allclose(interval.get_segments()[0], [[15, 100 * expected.low], [15, 100 * expected.high]])


@pytest.mark.parametrize("scores", [[0.5, 0.6], [0.5]])
def test_it_is_drawn(tmp_path: Path, scores: list[float]) -> None:
    assert draw_labels(events("a/seed-0", "svm", scores), tmp_path / "labels.png")
    assert matplotlib.image.imread(tmp_path / "labels.png").std() > 0

"""labels.png: what is drawn is what was journalled."""

from pathlib import Path

import matplotlib.image
import pytest

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


def test_a_run_without_asked_labels_has_no_figure(tmp_path: Path) -> None:
    assert not draw_labels([told.refit("a")], tmp_path / "labels.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scores", [[0.5, 0.6], [0.5]])
def test_it_is_drawn(tmp_path: Path, scores: list[float]) -> None:
    assert draw_labels(events("a/seed-0", "svm", scores), tmp_path / "labels.png")
    assert matplotlib.image.imread(tmp_path / "labels.png").std() > 0

"""map.png tells training, test and unused pixels apart, and pixels without data from dark ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hsiauto.models.predict import Prediction
from hsiauto.report import map_figure
from hsiauto.report.map_figure import draw_map
from hsiauto.split import SplitSpec, make_split
from tests.refit.fabricated import scene


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Title -> the picture on top of a panel, of a scene without data in its first two rows."""
    drawn: list[Figure] = []

    @contextmanager
    def kept(path: Path, width: float, height: float) -> Iterator[Figure]:
        drawn.append(Figure())
        yield drawn[0]

    monkeypatch.setattr(map_figure, "figure_file", kept)
    whole = scene()
    valid = whole.valid.copy()
    valid[:2] = False
    made = replace(whole, valid=valid, labels=np.where(valid, whole.labels, 0))
    split = make_split(made.labels, SplitSpec(protocol="random", train_fraction=0.2))
    classes = np.where(valid, 1, 0).astype(np.int16)
    draw_map(made, split, Prediction(classes, valid.astype(np.float32)), "title", tmp_path / "map.png")
    [figure] = drawn
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [*made.class_names, "no data"]
    return {axes.get_title(): np.asarray(axes.get_images()[-1].get_array()) for axes in figure.axes[:5]}


def test_uses_have_colours_of_their_own(pictures: dict[str, npt.NDArray[np.generic]]) -> None:
    picture = pictures["split of the ground truth"]
    found = {tuple(colour) for colour in picture[2:, :, :3].reshape(-1, 3).tolist()}
    blue, orange = ([round(255 * part) for part in to_rgb(colour)] for colour in ("#0072B2", "#E69F00"))
    assert {tuple(blue), tuple(orange)} <= found


def test_pixels_without_data_are_transparent(pictures: dict[str, npt.NDArray[np.generic]]) -> None:
    for title in ("false colour", "ground truth", "split of the ground truth", "prediction"):
        assert (pictures[title][:2, :, 3] == 0).all(), title
        assert (pictures[title][2:, :, 3] == 255).all(), title

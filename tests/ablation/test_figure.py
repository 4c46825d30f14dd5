"""study.png: drawn whole, whatever is missing in the table."""

import math
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import pytest

from hsiauto.ablation.figure import Panel, Point, draw_study

BY_NAME = [
    Panel("test OA (%)", [Point("a", 90.0, 1.0, 3, True), Point("b", 80.0, math.nan, 1, False)]),
    Panel("training (s)", [Point("a", 1.0, 0.1, 3, True), Point("b", math.nan, math.nan, 0, False)]),
]
ALONG = [
    Panel(
        "test OA (%)",
        [
            Point(f"{series} {x}", 80.0 + x, 1.0, 3, is_reference=x == 1 and series == "one", x=float(x), series=series)
            for series in ("one", "two")
            for x in (1, 2, 3)
        ],
    )
]


@pytest.mark.parametrize(("panels", "along"), [(BY_NAME, None), (ALONG, "components")])
def test_it_is_drawn_and_the_figure_closed(tmp_path: Path, panels: list[Panel], along: str | None) -> None:
    before = plt.get_fignums()
    draw_study("a study on a scene", panels, tmp_path / "study.png", along)
    image = matplotlib.image.imread(tmp_path / "study.png")
    assert min(image.shape[:2]) > 100
    assert image.std() > 0
    assert plt.get_fignums() == before


def test_more_cells_make_a_taller_figure(tmp_path: Path) -> None:
    for name, n in (("few", 3), ("many", 30)):
        points = [Point(f"cell {i}", float(i), 0.1, 3, i == 0) for i in range(n)]
        draw_study(name, [Panel("test OA (%)", points)], tmp_path / f"{name}.png")
    few, many = (matplotlib.image.imread(tmp_path / f"{name}.png").shape[0] for name in ("few", "many"))
    assert many > 2 * few


def test_a_long_title_stays_within_a_narrow_figure(tmp_path: Path) -> None:
    draw_study("a study whose name is long on a scene whose name is longer still " * 2, BY_NAME[:1], tmp_path / "s.png")
    image = matplotlib.image.imread(tmp_path / "s.png")[..., :3]
    assert (image[:, [0, 1, -2, -1]] == 1).all(), "nothing is cut at the sides"

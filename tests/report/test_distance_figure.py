"""distance.png: what is drawn is what the table holds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from hsiauto.leaderboard import COLUMNS
from hsiauto.leaderboard.summary import CANARY
from hsiauto.report.distance_figure import curve, draw_distance
from hsiauto.split.distance import BINS


def by_bin(*values: Any) -> str:
    return json.dumps(dict(zip(BINS, values, strict=True)))


def row(family: str, oa: float, rank: int | None = None, **fields: Any) -> dict[str, Any]:
    """Scored in the third and fourth bin, the second time 0.2 worse."""
    return {
        "kind": "refit" if rank else "baseline",
        "family": family,
        "rank": rank,
        "split_seed": 0,
        "test_oa": oa,
        "test_oa_by_distance": by_bin(None, None, oa, oa - 0.2, None),
        "test_interval_by_distance": by_bin(None, None, [oa - 0.1, oa + 0.05], [oa - 0.4, oa], None),
        "test_pixels_by_distance": by_bin(0, 0, 30, 10, 0),
        "map_pixels_by_distance": by_bin(50, 10, 20, 10, 10),
        **{"map_oa": 0.6, "map_oa_low": 0.4, "map_oa_high": 0.75, "map_share_beyond": 0.15},
        **fields,
    }


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([*rows], pa.schema([(column.name, column.type) for column in COLUMNS]))


def test_a_curve_is_the_mean_over_seeds_of_score_and_ends() -> None:
    found = curve([row("svm", 0.8), row("svm", 0.6)])
    np.testing.assert_allclose(found.oa, [np.nan, np.nan, 70, 50, np.nan])
    np.testing.assert_allclose(found.low, [np.nan, np.nan, 60, 30, np.nan])
    np.testing.assert_allclose(found.high, [np.nan, np.nan, 75, 70, np.nan])


def test_winner_canary_and_what_was_not_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []

    @contextmanager
    def kept(path: Path, width: float, height: float) -> Iterator[Figure]:
        drawn.append(Figure())
        yield drawn[0]

    monkeypatch.setattr("hsiauto.report.distance_figure.figure_file", kept)
    elsewhere = row("svm", 0.1, split_seed=1)
    assert draw_distance(table(row("svm", 0.8, rank=1), row(CANARY, 0.5), elsewhere), tmp_path / "distance.png")
    left, right = drawn[0].axes
    lines = [container.lines[0] for container in left.containers if isinstance(container, ErrorbarContainer)]
    np.testing.assert_allclose(np.array([line.get_ydata() for line in lines]), [[80, 60], [50, 30]])
    assert [text.get_text() for text in left.texts] == ["no test pixel"] * 3
    heights = [[bar.get_height() for bar in bars] for bars in right.containers]
    assert heights == [[0, 0, 75, 25, 0], [50, 10, 20, 10, 10]]
    assert [bar.get_hatch() for bar in right.containers[1]] == [None, None, None, None, "//"]
    assert (
        right.get_title()
        == "expected accuracy of the map 60 % (40 to 75)\n15 % of it lies further away than any test pixel"
    )


def test_the_file_is_a_picture(tmp_path: Path) -> None:
    assert draw_distance(table(row("svm", 0.8, rank=1)), tmp_path / "distance.png")
    assert (tmp_path / "distance.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_scored_winner_there_is_no_figure(tmp_path: Path) -> None:
    unscored = row("svm", 0.8, rank=1) | {"test_oa": None}
    assert not draw_distance(table(unscored, row(CANARY, 0.5)), tmp_path / "distance.png")
    assert not list(tmp_path.iterdir())

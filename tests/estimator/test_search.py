"""A true search on loose spectra in groups."""

from pathlib import Path

import numpy as np
import pytest

from hsiauto import HSIClassifier, Leaderboard
from hsiauto.leaderboard.statements import NO_PLACES
from hsiauto.runs import folder as folders
from hsiauto.scene.model import Scene
from hsiauto.search.events import Ended

_QUICK = {"winner-seeds": 1, "other-seeds": 1, "further-splits": 0, "further-folds": 0, "concurrency": 1}


def test_a_search_on_spectra_in_groups_says_nothing_about_space(
    ray_session: None, tiny_scene: Scene, tmp_path: Path
) -> None:
    pixels = np.flatnonzero(tiny_scene.labels)[::2]
    rows, columns = np.divmod(pixels, tiny_scene.width)
    x, y = tiny_scene.cube.reshape(-1, tiny_scene.n_bands)[pixels], tiny_scene.labels.ravel()[pixels]
    fields, heard = rows // 10 * 4 + columns // 10, list[object]()
    rare = np.flatnonzero(y == 1)[:1]
    y[rare], fields[rare] = 9, 99  # of one group, which cannot both train and test
    made = HSIClassifier(2, families=("lda",), settings=_QUICK, folder=tmp_path / "fit", on_event=heard.append)
    with pytest.warns(UserWarning, match=r"no model of \[9\]"):
        made.fit(x, y, groups=fields)
    assert made.classes_.tolist() == [1, 2, 3, 4]
    assert made.model_.support == 0
    assert made.score(x, y) > 0.5
    assert any(isinstance(event, Ended) for event in heard)
    said = made.leaderboard_.statements
    assert f"{NO_PLACES}." in said
    assert not any("distance" in text or "Expected accuracy of the map" in text for text in said)
    table = Leaderboard.load(tmp_path / "fit" / "run").to_pandas()
    assert set(table.protocol) == {"spectra"}
    assert "coordinate_1nn" not in set(table.family)
    assert table[["test_distance_min", "map_oa", "test_oa_by_distance"]].isna().all(axis=None)
    assert set(table.support) == {0}
    assert not (tmp_path / "fit" / "run" / folders.MAP).exists()
    assert "of other groups" in (tmp_path / "fit" / "run" / folders.BUNDLE / "README.md").read_text()
    assert "<td>lda</td>" in made.leaderboard_._repr_html_()

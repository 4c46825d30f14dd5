"""Scenes stacked into one, and cut apart again."""

from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene import mosaic as module
from hsiauto.scene.groups import with_groups
from hsiauto.scene.model import GeoReference
from hsiauto.scene.mosaic import GAP, mosaic, picture, within
from hsiauto.scene.on_disk import MappedFile
from tests.scene.several_scenes import scene

UTM = 'PROJCS["WGS 84 / UTM zone 32N"]'


def test_every_scene_lies_in_it_as_it_was() -> None:
    scenes = [scene("a"), scene("bb", 9, 3, names=("wheat", "corn")), scene("ccc", 4, 8)]
    whole = mosaic(scenes, "farm")
    assert whole.cube.shape == (6 + 9 + 4 + 2 * GAP, 8, 4)
    for one, part in zip(scenes, whole.parts, strict=True):
        assert (within(whole.cube, part) == one.cube).all()
        assert within(whole.valid, part).all()
        named = np.array(["", *whole.class_names])[within(whole.labels, part)]
        assert (named == np.array(["", *one.class_names])[one.labels]).all()
    assert whole.valid.sum() == sum(one.valid.sum() for one in scenes), "nothing between them is data"
    assert (whole.labels[~whole.valid] == 0).all()
    assert [part.name for part in whole.parts] == ["a", "bb", "ccc"]
    assert "calibrated" in whole.notes
    assert "a: a flown at noon" in whole.notes
    assert whole.data_hash != mosaic(scenes[::-1], "farm").data_hash


def test_groups_of_different_scenes_stay_apart() -> None:
    north, south = (with_groups(one, one.labels.astype(np.int64)) for one in (scene("north"), scene("south")))
    made = mosaic([north, south], "both")
    assert made.groups is not None
    of_north, of_south = (set(within(made.groups, part)[within(made.groups, part) > 0]) for part in made.parts)
    assert len(of_north) == len(of_south) == len(np.unique(north.labels)) - 1
    assert not of_north & of_south
    assert mosaic([north, scene("south")], "both").groups is None


def test_a_polygon_in_two_scenes_of_one_file_is_one_group() -> None:
    one, other = scene("north"), scene("south")
    north, south = (with_groups(of, of.labels.astype(np.int64), "fields.gpkg") for of in (one, other))
    made = mosaic([north, south], "both")
    assert made.groups is not None
    assert north.groups is not None
    for part, own in zip(made.parts, (north, south), strict=True):
        np.testing.assert_array_equal(within(made.groups, part), own.groups)


def test_a_large_cube_lies_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", 0)
    whole = mosaic([scene("a"), scene("b")], "farm")
    file = MappedFile.of(whole.cube)
    assert file is not None, "workers may map it too"
    assert (within(file.open(), whole.parts[1]) == scene("b").cube).all()
    del whole
    assert not Path(file.path).exists()


def test_a_cube_that_no_disk_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_IN_MEMORY", 0)
    monkeypatch.setattr(module, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(UserError, match="must fit into"):
        mosaic([scene("a"), scene("b")], "farm")


def test_one_scene_is_no_mosaic() -> None:
    with pytest.raises(UserError, match="farm must hold several scenes"):
        mosaic([scene("a")], "farm")


def test_scenes_of_the_same_ground_are_told() -> None:
    places = {"a": 0.0, "b": 4.0, "c": 100.0}
    scenes = [scene(name, geo=GeoReference(UTM, (1, 0, x, 0, -1, 50))) for name, x in places.items()]
    told = [note for note in mosaic(scenes, "farm").notes if "same ground" in note]
    assert told == ["scenes that show the same ground, so that one tells of the other: a and b"]


def test_a_picture_shows_every_scene_once_and_no_gap() -> None:
    whole = mosaic([scene("a", 30, 20), scene("bb", 20, 30), scene("ccc", 10, 10)], "farm")
    drawn = picture(whole.valid.astype(np.uint8) * (1 + whole.labels), whole.parts)
    assert drawn.shape == (64, 30)
    assert np.bincount(drawn.ravel())[1:].tolist() == np.bincount((1 + whole.labels)[whole.valid])[1:].tolist()
    assert picture(whole.labels, ()) is whole.labels

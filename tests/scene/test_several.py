"""Several scenes as a user names them."""

from pathlib import Path
from typing import Any

import pytest

from hsiauto.config import flat, run_config_from
from hsiauto.errors import UserError
from hsiauto.scene import open_scene
from hsiauto.scene.several import scenes_of
from hsiauto.scene.source import SceneSource
from tests.scene.several_scenes import stored


def source(**given: Any) -> SceneSource:
    return SceneSource(**given)


def names(of: SceneSource) -> list[str]:
    several = scenes_of(of)
    assert several is not None
    return [name for name, _ in several.scenes]


def test_dataset_given_again(tmp_path: Path) -> None:
    files = [stored(tmp_path, name, height) for name, height in (("north", 10), ("south", 14))]
    given = {"dataset": [str(cube) for cube, _ in files], "labels": [str(labels) for _, labels in files]}
    config = run_config_from("search", given)
    scene = open_scene(config.scene)
    assert (scene.name, [part.name for part in scene.parts]) == ("north+south", ["north", "south"])
    assert run_config_from("search", flat(config)).scene == config.scene, "as run.yaml has it"


def test_tiles_find_their_label_maps_by_name(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        stored(tmp_path, f"tile_{number}", 8 + number)
    (tmp_path / "gt").mkdir()
    for path in tmp_path.glob("*_gt.npy"):
        path.rename(tmp_path / "gt" / path.name)
    several = scenes_of(SceneSource(dataset=str(tmp_path), labels=tmp_path / "gt"))
    assert several is not None
    pairs = [(Path(one.dataset).stem, one.labels and one.labels.stem) for _, one in several.scenes]
    assert pairs == [(f"tile_{number}", f"tile_{number}_gt") for number in (1, 2, 10)]
    assert several.name == tmp_path.name
    assert names(SceneSource(dataset=str(tmp_path / "tile_1*.npy"), labels=tmp_path / "gt")) == ["tile_1", "tile_10"]


def test_tiles_and_their_label_maps_may_lie_in_one_folder(tmp_path: Path) -> None:
    for name in ("north", "south"):
        stored(tmp_path, name, 10)
    several = scenes_of(SceneSource(dataset=str(tmp_path), labels=tmp_path))
    assert several is not None
    pairs = [(Path(one.dataset).stem, one.labels and one.labels.stem) for _, one in several.scenes]
    assert pairs == [("north", "north_gt"), ("south", "south_gt")]
    (tmp_path / "south_gt.npy").unlink()
    with pytest.raises(UserError, match="none for south"):
        scenes_of(SceneSource(dataset=str(tmp_path), labels=tmp_path))


def test_a_list_names_files_beside_it_and_settings_of_a_scene(tmp_path: Path) -> None:
    stored(tmp_path, "a", 10), stored(tmp_path, "b", 12)
    (tmp_path / "scenes.yaml").write_text(
        "scenes:\n- {name: north, cube: a.npy, labels: a_gt.npy, drop-bands: '2'}\n- {cube: b.npy, labels: b_gt.npy}\n"
    )
    listed = SceneSource(dataset=str(tmp_path / "scenes.yaml"), nodata="none")
    several = scenes_of(listed)
    assert several is not None
    (first, north), (second, b) = several.scenes
    assert (first, second, several.name) == ("north", "b", "scenes")
    assert (north.drop_bands, b.drop_bands, b.nodata) == ((2,), (), "none")
    assert open_scene(listed).n_bands == 4, "the bands that both have"


def test_scenes_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    pairs = []
    for folder in ("may", "june"):
        (tmp_path / folder).mkdir()
        pairs.append(stored(tmp_path / folder, "cube"))
    both = source(dataset=[str(cube) for cube, _ in pairs], labels=[labels for _, labels in pairs])
    assert names(both) == ["may_cube", "june_cube"]
    with pytest.raises(UserError, match="a name of its own"):
        scenes_of(source(dataset=["demo", "demo"]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1", "must list scenes"),
        ("scenes: []", "must list scenes"),
        ("scenes: [{name: north}]", "must name its `cube`"),
        ("scenes: [{cube: a.npy, label: b.npy}]", "did you mean|has no 'label'"),
        ("scenes: [{cube: a.npy, background: some}]", "background"),
        ("scenes: [{cube: other.yaml}]", "names no other list"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "scenes.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        scenes_of(SceneSource(dataset=str(tmp_path / "scenes.yaml")))


def test_what_names_no_scenes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 in"):
        scenes_of(SceneSource(dataset=str(tmp_path)))
    cube, labels = stored(tmp_path, "a")
    with pytest.raises(UserError, match="once for each `dataset`"):
        source(dataset=[str(cube), str(cube), "demo"], labels=[labels, labels])
    with pytest.raises(UserError, match="one file of polygons for all"):
        source(dataset=[str(cube), "demo"], labels=[tmp_path / "a.npy", tmp_path / "b.npy", tmp_path / "c.npy"])
    every = source(dataset=[str(cube), "demo"], labels=str(tmp_path / "fields.geojson"))
    assert every.more == (("demo", tmp_path / "fields.geojson"),)
    stored(tmp_path, "other")
    with pytest.raises(UserError, match="each tile has a label map") as refused:
        scenes_of(SceneSource(dataset=str(tmp_path), labels=tmp_path / "a_*.npy"))
    assert refused.value.received == "none for other.npy and 1 more"
    with pytest.raises(UserError, match="must hold several scenes"):
        open_scene(SceneSource(dataset=str(tmp_path / "a.np*"), labels=tmp_path / "a_*.npy"))

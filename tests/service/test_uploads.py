"""Scenes over HTTP: uploaded, checked, looked at; what is no file of a scene is refused, and leaves nothing."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from hsiauto.service.scenes import OPTIONS
from hsiauto.service.users import User
from tests.hostile.bombs import zip_of_zeros
from tests.hostile.kinds.numpy_cases import described, header
from tests.hostile.template import BANDS, HEIGHT, WIDTH, write_scene
from tests.scene import fabricate, vectors
from tests.service.conftest import House


def upload(house: House, files: dict[str, Path], user: str = "ann", **options: object) -> str:
    """A new scene with these files: role -> path; its id."""
    made = house.client.post("/api/scenes", headers=house.as_(user), json={"name": "field", "options": options})
    assert made.status_code == 201, made.text
    scene = str(made.json()["id"])
    for role, path in files.items():
        place = f"/api/scenes/{scene}/files/{role}"
        params = {"filename": path.name}
        put = house.client.put(place, params=params, headers=house.as_(user), content=path.read_bytes())
        assert put.status_code == 200, put.text
    return scene


def check(house: House, scene: str, user: str = "ann") -> httpx.Response:
    return house.client.post(f"/api/scenes/{scene}/check", headers=house.as_(user))


def test_a_scene_is_uploaded_checked_looked_at_and_searched(house: House, tmp_path: Path) -> None:
    write_scene(tmp_path)
    scene = upload(house, {"cube": tmp_path / "cube.npy", "labels": tmp_path / "labels.npy"}, drop_bands=[1])
    early = house.client.post("/api/runs", headers=house.as_("ann"), json={"scene": scene})
    assert early.status_code == 409
    found = check(house, scene).json()
    assert (found["state"], found["height"], found["width"], found["bands"]) == ("ready", HEIGHT, WIDTH, BANDS - 1)
    assert [one["pixels"] for one in found["classes"]] == [HEIGHT * WIDTH // 3] * 3
    assert found["files"]["cube"]["bytes"] == (tmp_path / "cube.npy").stat().st_size
    picture = house.client.get(f"/api/scenes/{scene}/preview.png", headers=house.as_("ann"))
    assert picture.content.startswith(b"\x89PNG")
    run = house.client.post("/api/runs", headers=house.as_("ann"), json={"scene": scene}).json()
    assert run["command"] == "hsiauto search --dataset cube.npy --labels labels.npy --drop-bands 1"
    house.wait(run["id"])
    assert "drop-bands" in house.service.runs.path(run["id"], ".yaml").read_text()
    late = f"/api/scenes/{scene}/files/cube"
    put = house.client.put(late, params={"filename": "b.npy"}, headers=house.as_("ann"), content=b"other")
    assert put.status_code == 409
    assert house.client.delete(f"/api/scenes/{scene}", headers=house.as_("ann")).status_code == 204
    assert not house.service.scenes.folder(scene).exists()


def test_a_bomb_is_refused_from_its_header(started: Callable[..., House], tmp_path: Path) -> None:
    house = started(scene_bytes=10**7)
    write_scene(tmp_path)
    first = header(described("(1000, 1000, 1000)"))
    (tmp_path / "bomb.npz").write_bytes(zip_of_zeros("cube.npy", first, 2 * 10**9))
    scene = upload(house, {"cube": tmp_path / "bomb.npz", "labels": tmp_path / "labels.npy"})
    answer = check(house, scene)
    assert (answer.status_code, "memory" in answer.json()["error"]["rule"]) == (422, True)
    assert list(house.service.scenes.folder(scene).iterdir()) == []


@pytest.mark.parametrize("filename", ["a.vrt", "a.exe", "a.hdr", "../../a.sh", "a.tar.gz"])
def test_a_type_that_is_not_read_is_refused(house: House, filename: str) -> None:
    scene = upload(house, {})
    place = f"/api/scenes/{scene}/files/cube"
    put = house.client.put(place, params={"filename": filename}, headers=house.as_("ann"), content=b"abc")
    assert put.status_code == 422
    assert list(house.service.scenes.folder(scene).iterdir()) == []


@pytest.mark.parametrize("filename", ["../../etc/x.npy", "/etc/passwd.npy", "a\0b.npy", "ä b.NPY"])
def test_a_name_is_kept_as_text_alone(house: House, filename: str) -> None:
    scene = upload(house, {})
    place = f"/api/scenes/{scene}/files/cube"
    put = house.client.put(place, params={"filename": filename}, headers=house.as_("ann"), content=b"abc")
    assert put.status_code == 200
    assert [path.name for path in house.service.scenes.folder(scene).iterdir()] == ["cube.npy"]


def test_an_empty_file_is_none(house: House) -> None:
    scene = upload(house, {})
    place = f"/api/scenes/{scene}/files/cube"
    assert house.client.put(place, params={"filename": "a.npy"}, headers=house.as_("ann")).status_code == 422


def test_a_second_file_of_a_role_takes_the_place_of_the_first(house: House) -> None:
    scene = upload(house, {})
    for filename in ("a.npy", "b.mat"):
        place = f"/api/scenes/{scene}/files/cube"
        house.client.put(place, params={"filename": filename}, headers=house.as_("ann"), content=b"abc")
    assert [path.name for path in house.service.scenes.folder(scene).iterdir()] == ["cube.mat"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dataset": "/etc/passwd"}, "no such option"),
        ({"labels": "/x"}, "no such option"),
        ({"layout": "HCW"}, "layout"),
    ],
)
def test_options_are_those_of_a_scene_and_no_path(house: House, options: dict[str, str], words: str) -> None:
    made = house.client.post("/api/scenes", headers=house.as_("ann"), json={"name": "a", "options": options})
    assert (made.status_code, words in made.json()["error"]["rule"]) == (422, True)
    assert not {"dataset", "data-dir", "labels", "groups"} & OPTIONS.keys()


def test_all_scenes_together_have_a_limit(started: Callable[..., House], tmp_path: Path) -> None:
    house = started(total_bytes=1000)
    (tmp_path / "a.npy").write_bytes(bytes(900))
    scene = upload(house, {"cube": tmp_path / "a.npy"})
    place = f"/api/scenes/{scene}/files/labels"
    put = house.client.put(place, params={"filename": "b.npy"}, headers=house.as_("ann"), content=bytes(200))
    assert put.status_code == 413


def test_the_operators_scenes_are_everybodys(started: Callable[..., House], tmp_path: Path) -> None:
    folder = tmp_path / "scenes" / "field"
    folder.mkdir(parents=True)
    write_scene(folder)
    (folder / "labels.npy").rename(folder / "cube_gt.npy")
    (folder / "link.npy").symlink_to("/etc/passwd")
    (folder / "link_gt.npy").symlink_to("/etc/passwd")
    house = started(scenes=tmp_path / "scenes")
    items = house.client.get("/api/scenes", headers=house.as_("viewer")).json()["items"]
    assert [(one["name"], one["source"], one["owner"]) for one in items] == [
        ("demo", "registry", ""),
        ("field/cube.npy", "folder", ""),
    ]
    found = house.service.scenes.find(items[1]["id"], User("viewer", "viewer"))
    assert found.settings == {"dataset": str(folder / "cube.npy"), "labels": str(folder / "cube_gt.npy")}
    assert house.client.delete(f"/api/scenes/{items[1]['id']}", headers=house.as_("admin")).status_code == 404


def test_labels_may_be_polygons(house: House, tmp_path: Path) -> None:
    cube = fabricate.tif(tmp_path / "field.tif", fabricate.cube())
    fields = vectors.geojson(
        tmp_path / "fields.geojson", [vectors.box(0, 0, 3, 4, crop="rye"), vectors.box(3, 0, 5, 4, crop="oats")]
    )
    shape = vectors.with_gdal(tmp_path / "fields.shp", fields)
    beside = {f"labels_{kind}": shape.with_suffix(f".{kind}") for kind in ("shx", "dbf", "prj")}
    for files in ({"labels": fields}, {"labels": shape, **beside}, {"labels": vectors.zipped(shape)}):
        scene = upload(house, {"cube": cube, **files}, **{"label-field": "crop"})
        found = check(house, scene).json()
        assert {one["name"] for one in found["classes"]} == {"rye", "oats"}
    alone = upload(house, {"cube": cube, "labels": shape}, **{"label-field": "crop"})
    said = check(house, alone)
    assert (said.status_code, said.json()["error"]["rule"]) == (422, "labels.shx must be a file that can be read")
    assert list(house.service.scenes.folder(alone).iterdir()) == []
    bare = upload(house, {"cube": cube, "labels": cube}, **{"label-field": "crop"})
    assert check(house, bare).status_code == 422

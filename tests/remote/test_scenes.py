"""Scenes of a service: found by id or name; uploaded with everything that belongs to them, or not at all."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.remote import Service, find_scene, left_behind, size_of, upload_scene
from hsiauto.remote.scenes import files_of
from hsiauto.scene.source import SceneSource
from tests.remote.fake import FakeService, refused, told

ID = "aabbccddeeff0011"
HEADER = "ENVI\nsamples = 2\nlines = 2\nbands = 3\ndata type = 1\ninterleave = bsq\n"


def nothing(file: str, done: int, total: int | None) -> None: ...


def scene(name: str, scene_id: str = ID, state: str = "ready") -> dict[str, Any]:
    return {"id": scene_id, "name": name, "state": state}


def test_a_scene_is_found_by_its_id_or_its_name(service: Service, fake: FakeService) -> None:
    fake.on("GET", "scenes/salinas", told(scene("Salinas", "salinas")))
    assert find_scene(service, "salinas")["name"] == "Salinas"
    listed = [scene("fields"), scene("fields", "other", "uploading"), scene("twice", "a"), scene("twice", "b")]
    fake.on("GET", "scenes", told({"items": listed, "total": 4}))
    assert find_scene(service, "fields")["id"] == ID
    with pytest.raises(UserError, match=r"a, b.*Give its id"):
        find_scene(service, "twice")
    with pytest.raises(UserError, match=r"unknown scene.*'feilds'.*Did you mean fields\?"):
        find_scene(service, "feilds")
    with pytest.raises(UserError, match=r"unknown scene.*'\.\./runs'"):
        find_scene(service, "../runs")
    assert not [asked for asked in fake.asked if "runs" in asked.path]


def test_each_file_of_a_scene_has_its_role(tmp_path: Path) -> None:
    for name in ("cube.img", "labels.img"):
        (tmp_path / name).write_bytes(bytes(12))
        (tmp_path / name).with_suffix(".hdr").write_text(HEADER)
    (tmp_path / "plain.npy").touch()
    roles = {"cube": "cube.img", "header": "cube.hdr", "labels": "labels.img", "labels_header": "labels.hdr"}
    for ending in ("img", "hdr"):
        source = SceneSource(dataset=str(tmp_path / f"cube.{ending}"), labels=tmp_path / f"labels.{ending}")
        assert {role: file.name for role, file in files_of(source).items()} == roles
    assert files_of(SceneSource(dataset=str(tmp_path / "plain.npy"))) == {"cube": tmp_path / "plain.npy"}


def test_a_file_of_other_files_is_refused_and_what_lies_beside_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.vrt").write_text("<VRTDataset/>")
    with pytest.raises(UserError, match="names others"):
        files_of(SceneSource(dataset=str(tmp_path / "stack.vrt")))
    with pytest.raises(UserError, match="must be a file that can be read"):
        files_of(SceneSource(dataset=str(tmp_path / "missing.npy")))
    for name in ("a.tif", "a.tif.msk", "a.tfw", "b.tif.msk"):
        (tmp_path / name).write_bytes(b"II*\0")
    assert left_behind(SceneSource(dataset=str(tmp_path / "a.tif"))) == [tmp_path / "a.tif.msk", tmp_path / "a.tfw"]


@pytest.fixture
def source(tmp_path: Path) -> SceneSource:
    np.savez(tmp_path / "fields.npz", cube=np.zeros((3, 3, 4)), labels=np.zeros((3, 3), int))
    (tmp_path / "labels.npy").write_bytes(b"labels")
    options: Mapping[str, Any] = {"key": "cube", "ignore_labels": "0,255", "nodata": "-9999"}
    return SceneSource(dataset=str(tmp_path / "fields.npz"), labels=tmp_path / "labels.npy", **options)


def takes_files(fake: FakeService, source: SceneSource) -> None:
    """Let the fake say what a service says of files that arrived."""
    fake.on("POST", "scenes", told(scene("fields", state="uploading"), 201))
    for role, file in files_of(source).items():
        fake.on("PUT", f"scenes/{ID}/files/{role}", told({"sha256": sha256(file.read_bytes()).hexdigest()}))
    fake.on("DELETE", f"scenes/{ID}", told({}))


def test_a_scene_is_uploaded_and_read_there(service: Service, fake: FakeService, source: SceneSource) -> None:
    takes_files(fake, source)
    fake.on("POST", f"scenes/{ID}/check", told({**scene("fields"), "height": 3, "width": 3, "bands": 4}))
    assert size_of(upload_scene(service, "fields", source, nothing)) == "3 x 3 x 4"
    (ordered,) = fake.of("POST", "scenes")
    assert ordered.json == {
        "name": "fields",
        "options": {"key": "cube", "ignore-labels": [0, 255], "nodata": -9999.0},
    }
    (cube,), (labels,) = fake.of("PUT", f"scenes/{ID}/files/cube"), fake.of("PUT", f"scenes/{ID}/files/labels")
    assert (cube.query["filename"], labels.query["filename"]) == (["fields.npz"], ["labels.npy"])
    assert (cube.body, labels.body) == (Path(source.dataset).read_bytes(), b"labels")
    assert fake.of("DELETE", f"scenes/{ID}") == []


def test_what_cannot_be_read_there_is_the_readers_sentence_and_deleted(
    service: Service, fake: FakeService, source: SceneSource
) -> None:
    takes_files(fake, source)
    fake.on("POST", f"scenes/{ID}/check", refused(422, "arrays must hold real numbers", "complex64"))
    with pytest.raises(UserError, match="real numbers; received complex64"):
        upload_scene(service, "fields", source, nothing)
    assert len(fake.of("DELETE", f"scenes/{ID}")) == 1


def test_an_upload_that_is_interrupted_leaves_nothing(service: Service, fake: FakeService, source: SceneSource) -> None:
    def pressed(file: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    takes_files(fake, source)
    with pytest.raises(KeyboardInterrupt):
        upload_scene(service, "fields", source, pressed)
    assert len(fake.of("DELETE", f"scenes/{ID}")) == 1


def test_a_scene_that_was_not_read_has_no_size() -> None:
    assert size_of(json.loads('{"height": null, "width": null, "bands": null}')) is None


def test_a_shapefile_is_sent_with_what_belongs_to_it(tmp_path: Path) -> None:
    for name in ("cube.npy", "fields.shp", "fields.shx", "fields.dbf", "fields.prj", "fields.qix", "zipped.zip"):
        (tmp_path / name).write_bytes(b"content")
    given: dict[str, Any] = {"dataset": str(tmp_path / "cube.npy"), "label_field": "crop"}
    found = files_of(SceneSource(labels=tmp_path / "fields.shp", **given))
    assert {role: file.name for role, file in found.items()} == {
        **{"cube": "cube.npy", "labels": "fields.shp"},
        **{f"labels_{kind}": f"fields.{kind}" for kind in ("shx", "dbf", "prj")},
    }
    assert files_of(SceneSource(labels=tmp_path / "zipped.zip", **given)).keys() == {"cube", "labels"}

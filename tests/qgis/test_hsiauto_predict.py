"""The functions of the script for QGIS, outside QGIS: what they say to a service, and what becomes of its answers."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hsiauto.remote import Login, save_login
from tests.remote.fake import RUN, TOKEN, FakeService, Told, refused, serving, told

SCENE, JOB = "aabbccddeeff0011", "ffeeddccbbaa9988"
_FILE = Path(__file__).parents[2] / "qgis" / "hsiauto_predict.py"
_SPEC = importlib.util.spec_from_file_location("hsiauto_predict", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
script: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


@pytest.fixture
def fake() -> Iterator[FakeService]:
    """A service on which a prediction waits, runs and succeeds."""
    with serving() as fake:
        fake.on("POST", "scenes", told({"id": SCENE}, 201))
        fake.on("POST", f"scenes/{SCENE}/check", told({"id": SCENE}))
        fake.on("DELETE", f"scenes/{SCENE}", Told(b"", 204))
        for role in ("cube", "header"):
            fake.on("PUT", f"scenes/{SCENE}/files/{role}", told({"sha256": ""}))
        states = [{"id": JOB, "state": state, "artifacts": ["map.tif"]} for state in ("queued", "running", "succeeded")]
        fake.on("POST", f"runs/{RUN}/predict", told(states[0], 201))
        fake.on("GET", f"runs/{JOB}", *map(told, states))
        fake.on("GET", f"runs/{JOB}/artifacts/map.tif", Told(b"a map", promised=5))
        yield fake


@pytest.fixture
def service(fake: FakeService) -> Any:
    return script.Service(fake.address, TOKEN)


def predict(service: Any, scene: str = SCENE, stop: bool = False) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    return script.predict(service, RUN, scene, lambda: stop, said.append, lambda seconds: None), said


def test_a_raster_becomes_a_map(service: Any, fake: FakeService, tmp_path: Path) -> None:
    raster = tmp_path / "a field.img"
    raster.write_bytes(bytes(3 << 20))
    raster.with_suffix(".hdr").write_bytes(b"ENVI")
    shares: list[float] = []
    with script.scene_of(service, "", str(raster), shares.append) as scene:
        job, said = predict(service, scene)
        script.download(service, job, tmp_path / "map.tif")
    assert (tmp_path / "map.tif").read_bytes() == b"a map"
    assert said == [f"prediction {JOB}: queued", f"prediction {JOB}: running"]
    assert shares == sorted(shares)
    assert (shares[0] > 0, shares[-1]) == (True, 1.0)
    (cube,), (header,) = (fake.of("PUT", f"scenes/{SCENE}/files/{role}") for role in ("cube", "header"))
    assert (cube.query, header.query) == ({"filename": ["a field.img"]}, {"filename": ["a field.hdr"]})
    assert sha256(cube.body).digest() == sha256(raster.read_bytes()).digest()
    assert fake.of("POST", f"runs/{RUN}/predict")[0].json == {"scene": SCENE}
    assert fake.asked[-1].method == "DELETE"


def test_a_scene_of_the_service_stays(service: Any, fake: FakeService) -> None:
    with script.scene_of(service, "salinas", "", lambda share: None) as scene:
        predict(service, scene)
    assert [asked.method for asked in fake.asked] == ["POST", "GET", "GET", "GET"]
    for neither_or_both in [("", ""), ("salinas", "a.tif")]:
        with (
            pytest.raises(script.ServiceError, match="a raster, or a scene"),
            script.scene_of(service, *neither_or_both, lambda share: None),
        ):
            pass


def test_the_names_of_classes_come_too(service: Any, fake: FakeService, tmp_path: Path) -> None:
    fake.on("GET", f"runs/{JOB}/artifacts/map.tif.aux.xml", Told(b"<names/>", promised=8))
    job = {"id": JOB, "artifacts": ["map.tif", "map.tif.aux.xml"]}
    script.download(service, job, tmp_path / "mine.tif")
    assert (tmp_path / "mine.tif.aux.xml").read_bytes() == b"<names/>"
    fake.on("GET", f"runs/{JOB}/artifacts/map.tif", Told(b"a m", promised=5))
    with pytest.raises(script.ServiceError, match="broke off"):
        script.download(service, job, tmp_path / "mine.tif")
    with pytest.raises(script.ServiceError, match="a map is a GeoTIFF"):
        script.download(service, job, tmp_path / "mine.png")


def test_whoever_cancels_stops_the_prediction(service: Any, fake: FakeService) -> None:
    fake.on("POST", f"runs/{JOB}/stop", told({"id": JOB, "state": "stopping"}))
    with pytest.raises(script.ServiceError, match="was stopped"):
        predict(service, stop=True)
    assert len(fake.of("POST", f"runs/{JOB}/stop")) == 1


def test_why_it_failed_is_said(service: Any, fake: FakeService, tmp_path: Path) -> None:
    fake.on("GET", f"runs/{JOB}", told({"id": JOB, "state": "failed", "reason": "the scene must have 200 bands"}))
    with pytest.raises(script.ServiceError, match="failed: the scene must have 200 bands"):
        predict(service)
    fake.on("POST", f"scenes/{SCENE}/check", refused(422, "arrays hold real numbers", "complex64", "Convert it."))
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    with pytest.raises(script.ServiceError, match=r"real numbers\. complex64\. Convert it\."):
        script.upload(service, tmp_path / "a.tif", lambda share: None)
    assert len(fake.of("DELETE", f"scenes/{SCENE}")) == 1


def test_what_is_no_service_is_one_line(service: Any, fake: FakeService) -> None:
    fake.on("POST", f"runs/{RUN}/predict", Told(b"<html>", 200, 6))
    with pytest.raises(script.ServiceError, match="no hsiauto service answers"):
        predict(service)
    fake.on("POST", f"runs/{RUN}/predict", Told(b"", 302, 0, location="http://127.0.0.1:1/"))
    with pytest.raises(script.ServiceError, match="302"):
        predict(service)
    with serving() as gone:
        address = gone.address
    with pytest.raises(script.ServiceError, match="refused"):
        script.Service(address, TOKEN).json("GET", "me")
    with pytest.raises(script.ServiceError, match="https://HOST"):
        script.Service("http://hsi.example.org", TOKEN)


def test_the_token_is_that_of_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = save_login(Login("https://hsi.example.org", TOKEN))
    assert script.token_of("https://hsi.example.org/", file) == TOKEN
    for address, logins in [("https://other.example.org", file), ("https://hsi.example.org", tmp_path / "none")]:
        with pytest.raises(script.ServiceError, match="hsiauto remote login"):
            script.token_of(address, logins)


@pytest.mark.parametrize("name", ["stack.vrt", "missing.tif"])
def test_a_raster_is_one_file_of_this_machine(tmp_path: Path, name: str) -> None:
    (tmp_path / "stack.vrt").write_text("<VRTDataset/>")
    with pytest.raises(script.ServiceError, match="one file of this machine"):
        script.files_of(tmp_path / name)


def test_a_geotiff_has_no_header(tmp_path: Path) -> None:
    for name in ("a.tif", "a.hdr", "b", "b.hdr", "c.img", "c.img.hdr"):
        (tmp_path / name).touch()
    assert script.files_of(tmp_path / "a.tif") == {"cube": tmp_path / "a.tif"}
    assert script.files_of(tmp_path / "b")["header"] == tmp_path / "b.hdr"
    assert script.files_of(tmp_path / "c.img")["header"] == tmp_path / "c.img.hdr"


def test_it_needs_nothing_beside_the_standard_library_and_qgis() -> None:
    tree = ast.parse(_FILE.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"qgis"}

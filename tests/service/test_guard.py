"""What holds for every request: names, sizes, headers, limits, and what the log keeps to itself."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator

import pytest

from hsiauto.service.access import COOKIE
from hsiauto.service.errors import Refused
from hsiauto.service.guard import host_of
from hsiauto.service.limits import Rate
from tests.service.conftest import House


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:80", "a"), ("A", "a"), ("[::1]:8765", "[::1]"), ("[::1]", "[::1]"), ("a:", "a"), ("a:b", "a:b")],
)
def test_a_host_is_a_name_with_or_without_a_port(header: str, name: str) -> None:
    assert host_of(header) == name


@pytest.mark.parametrize("host", ["", "testserver.evil", "evil/testserver", "testserver@evil", "testserver:80:80"])
def test_a_foreign_host_is_refused(house: House, host: str) -> None:
    answer = house.client.get("/healthz", headers={"Host": host})
    assert (answer.status_code, "names" in answer.json()["error"]["rule"]) == (400, True)


def test_answers_carry_the_headers_of_a_careful_site(house: House) -> None:
    for path in ("/healthz", "/api/me", "/static/service.css", "/nothing"):
        headers = house.client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers
        assert (headers.get("cache-control") == "no-store") == (not path.startswith("/static/"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://elsewhere"}, 403),
        ({"Origin": "http://testserver.elsewhere"}, 403),
        ({"Origin": "testserver"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_cookie_counts_on_the_services_own_page_alone(house: House, headers: dict[str, str], status: int) -> None:
    ann = house.service.users.of_token(house.as_("ann")["Authorization"].split()[1])
    assert ann is not None
    cookie = {"Cookie": f"{COOKIE}={house.service.users.open_session(ann)}"}
    assert house.client.get("/api/me", headers={**cookie, **headers}).status_code == status
    if not headers:
        assert house.client.post("/api/scenes", headers=cookie, json={"name": "a"}).status_code == 403


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/static/../app.py", "/static/%2e%2e/app.py"])
def test_nothing_else_is_served(house: House, path: str) -> None:
    assert house.client.get(path).status_code == 404


def test_a_method_that_a_route_does_not_have_is_told_those_it_has(house: House) -> None:
    answer = house.client.options("/api/runs/0123456789abcdef")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, PATCH")


def test_the_document_of_the_api_tells_its_routes(house: House) -> None:
    document = house.client.get("/api/openapi.json", headers=house.as_("viewer")).json()
    assert {"/api/runs", "/api/scenes/{scene}/files/{role}"} <= document["paths"].keys()


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 2**16):
        yield bytes(2**16)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_is_too_large_is_not_read(house: House, chunked: bool) -> None:
    body = _chunks(2**21) if chunked else bytes(2**21)
    answer = house.client.post("/api/runs", headers=house.as_("ann"), content=body)
    assert answer.status_code == 413
    assert "1,048,576 bytes" in answer.json()["error"]["rule"]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_file_that_is_too_large_leaves_nothing(started: Callable[..., House], chunked: bool) -> None:
    house = started(scene_bytes=2**20)
    scene = house.client.post("/api/scenes", headers=house.as_("ann"), json={"name": "a"}).json()["id"]
    body = _chunks(2**21) if chunked else bytes(2**21)
    path = f"/api/scenes/{scene}/files/cube"
    answer = house.client.put(path, params={"filename": "a.npy"}, headers=house.as_("ann"), content=body)
    assert answer.status_code == 413
    assert list(house.service.scenes.folder(scene).iterdir()) == []


def test_a_user_sends_so_many_requests_a_minute() -> None:
    now = 0.0
    rate = Rate(2, lambda: now)
    rate.take("ann")
    rate.take("ann")
    rate.take("bob")
    with pytest.raises(Refused) as refused:
        rate.take("ann")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "30"})
    now = 30.0
    rate.take("ann")


def test_on_a_full_disk_nothing_starts(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = house.client.post("/api/scenes", headers=house.as_("ann"), json={"name": "a"}).json()["id"]
    full = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert house.client.post("/api/runs", headers=house.as_("ann"), json={"scene": "demo"}).status_code == 507
    path = f"/api/scenes/{scene}/files/cube"
    put = house.client.put(path, params={"filename": "a.npy"}, headers=house.as_("ann"), content=b"abc")
    assert put.status_code == 507


def test_the_log_and_the_metrics_tell_no_secret(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hsiauto.service")
    house.client.get("/login", params={"code": "a-secret-code"})
    house.client.get("/api/runs/some-secret-name", headers=house.as_("ann"))
    run = house.run("ann")
    house.wait(run)
    told = " ".join(json.dumps(vars(record), default=str) for record in caplog.records)
    told += house.client.get("/metrics", headers=house.as_("ann")).text
    assert "/api/runs/{run}" in told
    for secret in ("a-secret-code", "some-secret-name", house.tokens["ann"], str(house.service.config.root)):
        assert secret not in told


def test_what_users_did_is_noted(house: House) -> None:
    run = house.run("ann")
    house.wait(run)
    house.client.patch(f"/api/runs/{run}", headers=house.as_("ann"), json={"shared": True})
    house.client.patch(f"/api/runs/{run}", headers=house.as_("bob"), json={"name": "theirs"})
    for _ in range(2):
        house.client.patch(f"/api/runs/{run}", headers=house.as_("ann"), json={"name": "mine"})
    house.client.delete(f"/api/runs/{run}", headers=house.as_("bob"))
    house.client.delete(f"/api/runs/{run}", headers=house.as_("admin"))
    lines = (house.service.config.root / "audit.jsonl").read_text().splitlines()
    noted = [(line["user"], line["action"], line["about"]) for line in map(json.loads, lines)]
    assert noted == [
        *(("ann", action, run) for action in ("search asked for", "run shared", "run named")),
        ("admin", "run deleted", run),
    ]


def test_metrics_count_runs_by_state(house: House) -> None:
    house.wait(house.run())
    lines = house.client.get("/metrics", headers=house.as_("ann")).text.splitlines()
    assert 'hsiauto_runs{state="succeeded"} 1' in lines
    assert 'hsiauto_runs{state="failed"} 0' in lines
    assert 'hsiauto_requests_total{method="POST",route="/api/runs",status="201"} 1' in lines

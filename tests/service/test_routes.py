"""Every route, by who asks for it: the table of docs/service.md, from which no route may be missing."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from hsiauto.service.access import COOKIE
from hsiauto.service.app import ROUTERS, inner_app, make_app
from hsiauto.service.core import opened
from hsiauto.service.users import User
from tests.service.conftest import Configured, House

TABLE = Path(__file__).parents[2] / "docs" / "service.md"
ASKED = ("no token", "wrong token", "viewer", "owner", "another user", "from another site")
_ROW = re.compile(r"^\| `([A-Z]+) (/[^`]*)` \|(.*)\|$", re.MULTILINE)


def rows() -> dict[tuple[str, str], dict[str, int]]:
    """(method, path) -> who asks -> status."""
    found = _ROW.findall(TABLE.read_text(encoding="utf-8"))
    return {
        (method, path): dict(zip(ASKED, (int(cell) for cell in cells.split("|")), strict=True))
        for method, path, cells in found
    }


def routes() -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]


def test_every_route_has_a_row_and_every_row_a_route(configured: Configured) -> None:
    assert sorted(rows()) == sorted(routes())
    with opened(configured()) as service:
        assert len(inner_app(service).routes) == len(ROUTERS) + 2, "a route outside of ROUTERS, or of the two mounts"


@pytest.fixture
def full(configured: Configured, run_folder: Path) -> Iterator[House]:
    """ann's run, which has ended."""
    with opened(configured(requests_per_minute=10_000)) as service:
        ann = User("ann", "runner")
        run, _ = service.runs.search(ann, service.scenes.ready("demo", ann), None, {}, None)
        service.runs.stop(run)
        shutil.copytree(run_folder, service.runs.path(run["id"]))
        with TestClient(make_app(service), follow_redirects=False) as client:
            house = House(service, client, service.config.root)
            house.as_("ann")
            yield house


def request(house: House, method: str, path: str, shared: bool) -> dict[str, Any]:
    """The request of a row, on what ann has."""
    (run,) = house.service.database.rows("SELECT id FROM run WHERE owner = 'ann'")
    scene = house.client.post("/api/scenes", headers=house.as_("ann"), json={"name": "field"}).json()["id"]
    house.service.database.update("run", run["id"], shared=int(shared))
    house.service.database.update("scene", scene, shared=int(shared))
    names = {"run": run["id"], "scene": scene, "role": "cube", "name": "map.png"}
    bodies: dict[str, Any] = {
        "PUT /api/scenes/{scene}/files/{role}": {"params": {"filename": "a.npy"}, "content": b"abc"},
        "PATCH /api/scenes/{scene}": {"json": {"shared": False}},
        "PATCH /api/runs/{run}": {"json": {"shared": False}},
        "GET /api/compare": {"params": {"runs": run["id"]}},
        "POST /api/scenes": {"json": {"name": "field"}},
        "POST /login": {"content": b"token=wrong"},
        "POST /api/runs/{run}/resume": {"json": {}},
    }
    for route in ("POST /api/runs", "POST /api/estimate", "POST /api/runs/{run}/predict"):
        bodies[route] = {"json": {"scene": scene}}
    return {"method": method, "url": path.format(**names), **bodies.get(f"{method} {path}", {})}


@pytest.mark.parametrize(("method", "path"), routes(), ids=[" ".join(route) for route in routes()])
def test_a_route_answers_as_its_row_says(full: House, method: str, path: str) -> None:
    expected = rows()[method, path]
    ann = full.service.users.of_token(full.tokens["ann"])
    assert ann is not None
    own = {"Sec-Fetch-Site": "same-origin"} if path in ("/login", "/logout") else {}
    cookie = {"Cookie": f"{COOKIE}={full.service.users.open_session(ann)}"}
    asked: dict[str, tuple[dict[str, str], bool]] = {
        "no token": (own, True),
        "wrong token": ({"Authorization": "Bearer hsi_wrong", **own}, True),
        "viewer": ({**full.as_("viewer"), **own}, True),
        "another user": ({**full.as_("bob"), **own}, False),
        "from another site": ({**cookie, "Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere"}, False),
    }
    found = {}
    for who, (headers, shared) in asked.items():
        answer = full.client.request(**request(full, method, path, shared), headers=headers)
        found[who] = answer.status_code
        if answer.status_code >= 400 and path.startswith("/api"):
            assert answer.json()["error"].keys() == {"rule", "received", "remedy"}
    null = {**cookie, "Origin": "null"}
    assert (
        full.client.request(**request(full, method, path, False), headers=null).status_code
        == found["from another site"]
    )
    ask = request(full, method, path, False)
    assert full.client.request(**ask, headers={**full.as_("ann"), "Host": "elsewhere"}).status_code == 400
    found["owner"] = full.client.request(**ask, headers={**full.as_("ann"), **own}).status_code
    assert {who: found[who] for who in ASKED} == expected

"""Whatever a client sends, the answer is one of the documented ones: no exception reaches the server."""

import json
import random
from collections.abc import Callable
from typing import Any

from tests.service.conftest import House
from tests.service.test_routes import routes

STATUSES = {200, 201, 204, 303, 400, 401, 403, 404, 405, 409, 413, 422, 429, 507}
TEXTS = ["", "a", "demo", "\0", "\ud800", "\u202e", "..", "/etc/passwd", "%00", "a" * 5000, "1e400", "nan", "{}"]
NUMBERS = [0, -1, 1, 2**63, 10**400, 1.5, float("nan"), float("inf"), 1e-320]
FIELDS = [
    *("scene", "name", "config", "options", "shared", "budget", "time_limit", "time-limit", "set", "families", "space"),
    *("protocol", "objective", "nodata", "drop-bands", "key", "svm.C", "max-gpu-hours", "train-fraction", "seed"),
]


def value(draw: random.Random, depth: int = 0) -> Any:
    """Some JSON, and what Python takes for it."""
    kind = draw.randrange(8 if depth < 4 else 5)
    if kind < 2:
        return draw.choice(TEXTS)
    if kind < 4:
        return draw.choice(NUMBERS)
    if kind == 4:
        return draw.choice([None, True, False])
    if kind == 5:
        return [value(draw, depth + 1) for _ in range(draw.randrange(2))]
    return {draw.choice(FIELDS): value(draw, depth + 1) for _ in range(draw.randrange(5))}


def bodies(draw: random.Random) -> bytes:
    """Mostly JSON whose first level is right, so that what lies below is looked at."""
    if draw.random() < 0.2:
        return draw.choice([b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a":1,"a":2}', b"null", b"NaN"])
    if draw.random() < 0.2:
        return json.dumps({"name": "a", "shared": draw.choice([True, False])}).encode()
    fields = {"scene": "demo", "config": value(draw, 1), "options": value(draw, 1), "name": "a"}
    kept = {name: fields[name] for name in draw.sample(sorted(fields), draw.randrange(1, 5))}
    return json.dumps(kept if draw.random() < 0.7 else value(draw)).encode()


def test_no_request_is_too_strange(started: Callable[..., House]) -> None:
    house = started(requests_per_minute=100_000, runs_at_once=1, held=True)
    draw, run = random.Random(0), house.run()
    scene = house.client.post("/api/scenes", headers=house.as_("ann"), json={"name": "a"}).json()["id"]
    known = [(method, path) for method, path in routes() if path not in ("/api/estimate", "/api/scenes/{scene}/check")]
    for _ in range(200):
        method, path = draw.choice([*known, ("POST", "/api/runs"), ("POST", "/api/scenes")])
        names = {
            "run": draw.choice([run, "..", "%00", "%ff", "a" * 300]),
            "scene": draw.choice([scene, "demo", "%2e%2e", "%ed%a0%80"]),
            "role": draw.choice(["cube", "header", "x"]),
            "name": draw.choice(["map.png", "bundle.zip", "%2e%2e"]),
            "id": "a",
        }
        if path.endswith("/events"):  # of the run, which is held, it would not end
            names["run"] = "a"
        params = {
            name: draw.choice(["1", "0", "-1", "9" * 40, "x", "", "rank", "-test_oa", "a.npy", "\0"])
            for name in draw.sample(["page", "page_size", "sort", "filename", "after", "part", "runs", "code"], 3)
        }
        headers = {**house.as_("ann"), "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        headers["Idempotency-Key"] = draw.choice(["a", "b", "x" * 300, "~"])
        answer = house.client.request(
            method, path.format(**names), params=params, headers=headers, content=bodies(draw), follow_redirects=False
        )
        assert answer.status_code in STATUSES, (method, path, answer.text)

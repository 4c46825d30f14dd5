"""Schemathesis on the service: each route of its OpenAPI document, alone and one after another, with every check.

    python -m tests.service.fuzz [--minutes 10] [--seed 0] [--schemathesis st]

By hand: `pip install schemathesis` in an environment of its own, and name its `st`. What it is told not to expect, and
why, is in schemathesis.toml. The service is that of `hsiauto serve`; its jobs play a finished run again. The document
names the runs and scenes that there are, so that most requests come to more than a 404.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import httpx

from hsiauto.service.config import ServiceConfig
from hsiauto.service.run import serve
from tests.hostile import template

_HERE = Path(__file__).parent
_REQUEST_S = 120
"""A check of a scene and an estimate are processes of their own."""
_RUNS, _SCENES = 16, 4
_METHODS = ("get", "post", "put", "patch", "delete")


def service(root: Path, finished: Path) -> str:
    """Start a service, which ends with this process; its address."""
    job = (sys.executable, str(_HERE / "replay.py"), str(finished))
    many = 1_000_000
    config = ServiceConfig(root=root, job=job, min_free_bytes=1, runs_at_once=2, queue=many, requests_per_minute=many)
    ports: Queue[int] = Queue()
    arguments = (config, "127.0.0.1", 0, None, lambda port, code: ports.put(port))
    threading.Thread(target=serve, args=arguments, daemon=True).start()
    return f"http://127.0.0.1:{ports.get(timeout=60)}"


def filled(client: httpx.Client, files: Path) -> tuple[list[str], list[str]]:
    """Runs and scenes, asked for and uploaded; every other scene is checked."""
    runs = [client.post("/api/runs", json={"scene": "demo"}).json()["id"] for _ in range(_RUNS)]
    scenes = []
    for number in range(_SCENES):
        scene = client.post("/api/scenes", json={"name": "field"}).json()["id"]
        for role in ("cube", "labels"):
            body = (files / f"{role}.npy").read_bytes()
            client.put(f"/api/scenes/{scene}/files/{role}", params={"filename": "a.npy"}, content=body)
        if number % 2 == 0:
            client.post(f"/api/scenes/{scene}/check").raise_for_status()
        scenes.append(scene)
    return runs, scenes


def narrowed(document: dict[str, Any], runs: Sequence[str], scenes: Sequence[str]) -> dict[str, Any]:
    """The document with these ids, every fourth of which is there to be deleted."""
    for path in document["paths"].values():
        for method in path.keys() & set(_METHODS):
            deletes = method == "delete"
            known = {
                name: [one for place, one in enumerate(ids) if (place % 4 == 3) == deletes]
                for name, ids in (("run", runs), ("scene", scenes))
            }
            for parameter in path[method].get("parameters", ()):
                if parameter["in"] == "path" and parameter["name"] in known:
                    parameter["schema"]["enum"] = known[parameter["name"]]
    for name in ("RunRequest", "PredictRequest"):
        document["components"]["schemas"][name]["properties"]["scene"]["enum"] = ["demo", *scenes[::2]]
    return document


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schemathesis", default="st")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        folder = Path(place)
        template.make(folder)
        url = service(folder / "root", folder / "run")
        headers = {"Authorization": f"Bearer {(folder / 'root' / 'token').read_text().strip()}"}
        with httpx.Client(base_url=url, headers=headers, timeout=_REQUEST_S) as client:
            document = client.get("/api/openapi.json").json()
            (folder / "openapi.json").write_text(json.dumps(narrowed(document, *filled(client, folder))))
        command = [asked.schemathesis, "--config-file", str(_HERE / "schemathesis.toml"), "run", "openapi.json"]
        command += ["--url", url, *(f"--header={name}:{value}" for name, value in headers.items())]
        command += ["--max-time", str(round(60 * asked.minutes)), "--seed", str(asked.seed)]
        command += ["--request-timeout", str(_REQUEST_S), "--max-response-time", str(_REQUEST_S)]
        command += ["--continue-on-failure", "--generation-database", "none"]
        return subprocess.run(command, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())

"""A service of its own for each test, whose jobs are short processes that write a journal and need no Ray."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from hsiauto import leaderboard as boards
from hsiauto.search.events import to_line
from hsiauto.service import jobs
from hsiauto.service.app import make_app
from hsiauto.service.config import ServiceConfig
from hsiauto.service.core import Service, opened
from hsiauto.service.runs import ENDED
from tests import told
from tests.leaderboard.test_leaderboard import finished

FAKE = Path(__file__).with_name("fake_job.py")


@cache
def journal_lines(trials: int = 4) -> list[bytes]:
    """A journal of a search, without the ends of its lines."""
    events: list[Any] = [told.opened(config={"scene": {}, "budget": trials, "objective": "kappa"})]
    for number in range(1, trials + 1):
        trial = f"t{number:04d}"
        events += [told.proposed(trial, number=number, family="svm"), told.started(trial)]
        events += [told.reported(trial, kappa=number / (trials + 1), decision="complete"), told.ended(trial)]
    return [to_line(event) for event in events]


@dataclass
class House:
    """A service, and how to talk to it."""

    service: Service
    client: TestClient
    gate: Path
    """While this file is there, each job writes one line of its journal and waits."""
    tokens: dict[str, str] = field(default_factory=dict)

    def as_(self, name: str) -> dict[str, str]:
        """The headers of a user of that name; who is new becomes a runner."""
        if name not in self.tokens:
            self.tokens[name] = self.service.users.add(name, name if name in ("viewer", "admin") else "runner")
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    def run(self, user: str = "ann", **request: Any) -> str:
        """The id of a new run."""
        answer = self.client.post("/api/runs", headers=self.as_(user), json={"scene": "demo", **request})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def state(self, run: str) -> str:
        row = self.service.runs.get(run)
        assert row is not None
        return str(row["state"])

    def wait(self, run: str, *states: str) -> dict[str, Any]:
        """The run's row, once it is in one of `states`; without any, once it has ended."""
        until = time.monotonic() + 30
        while self.state(run) not in (states or ENDED):
            assert time.monotonic() < until, self.service.runs.get(run)
            time.sleep(0.02)
        return self.service.runs.get(run) or {}


Configured = Callable[..., ServiceConfig]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended, without a model: copy it before it is changed."""
    folder = tmp_path_factory.mktemp("run")
    table = finished(folder)
    boards.write(table, folder / "leaderboard.parquet")
    lines = (folder / "journal.jsonl").read_bytes().splitlines()[1:]
    (folder / "journal.jsonl").write_bytes(b"\n".join([journal_lines()[0], *lines, b""]))
    (folder / "run.yaml").write_text("command: search\ndataset: demo\n")
    (folder / "map.png").write_bytes(b"a picture")
    return folder


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """A config in the test's folder. code: the exit code of its jobs."""
    journal = tmp_path / "template.jsonl"
    journal.write_bytes(b"".join(line + b"\n" for line in journal_lines()))

    def config(code: int = 0, **changes: Any) -> ServiceConfig:
        job = (sys.executable, "-S", "-E", str(FAKE), str(journal), str(code))
        fields = {"root": tmp_path / "root", "job": job, "hosts": ("testserver",), "min_free_bytes": 1, **changes}
        return ServiceConfig(**fields)

    return config


@pytest.fixture
def started(configured: Configured, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Starts services, which end with the test, as their jobs do. held: each job waits after a line."""
    with ExitStack() as stack:

        def start(held: bool = False, **changes: Any) -> House:
            gate = tmp_path / "template.jsonl.hold"
            if held:
                gate.touch()
            service = stack.enter_context(opened(configured(**changes)))
            stack.callback(_kill_jobs, service)
            client = stack.enter_context(TestClient(make_app(service)))
            return House(service, client, gate)

        yield start


def _kill_jobs(service: Service) -> None:
    for row in service.database.rows("SELECT id, pid, pid_started FROM run WHERE state IN ('running', 'stopping')"):
        jobs.kill(jobs.Process(row["pid"], row["pid_started"]), service.runs.path(row["id"], ".exit"))


@pytest.fixture
def house(started: Callable[..., House]) -> House:
    """A service whose runs end at once."""
    return started()

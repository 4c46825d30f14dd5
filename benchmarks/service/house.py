"""A service in a process of its own, and files that it starts from."""

import json
import multiprocessing
import socket
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

import psutil
import pyarrow as pa

from hsiauto import leaderboard as boards
from hsiauto.files import check_json
from hsiauto.search.events import Ended, Event, Opened, Proposed, Reported, Started, to_line
from hsiauto.service.config import ServiceConfig
from hsiauto.service.run import serve

PATIENCE_S = 60.0
LINES = 400
"""Of the journal of a run."""

_SERVICES = multiprocessing.get_context("forkserver")
"""Forks from a process that has imported everything and, unlike this one, has no threads, whose locks a fork keeps."""
_SERVICES.set_forkserver_preload(["benchmarks.service.house"])


def write_journal(path: Path, lines: int) -> list[bytes]:
    """A journal of a search with at least so many lines; the lines, without their ends."""
    run: dict[str, Any] = {"config": {"scene": {}, "budget": lines // 4}, "scene": "demo", "data_hash": "d"}
    run |= {"n_classes": 2, "class_names": ("a", "b"), "split_hash": "s", "notes": (), "versions": {}}
    config: dict[str, Any] = {"params": {}, "config": {}, "config_hash": "c", "support": 0, "sampler_state": {}}
    config |= {"family": "svm", "input": "features", "origin": "sampler"}
    report: dict[str, Any] = {"attempt": 1, "epoch": 1, "train_loss": 1.0, "val_loss": 1.0, "fit_seconds": 1.0}
    report |= {"peak_memory_bytes": 1, "decision": "complete"}
    told: list[Event] = [Opened(**run)]
    while len(told) < lines:
        trial, score = f"t{len(told):05d}", len(told) / (lines + 4)
        told.append(Proposed(trial_id=trial, number=len(told) // 4 + 1, **config))
        told.append(Started(trial_id=trial, attempt=1, node="n", device="cpu", pid=1))
        told.append(Reported(trial_id=trial, val_oa=score, val_aa=score, val_kappa=score, **report))
        told.append(Ended(trial_id=trial, attempt=1, state="completed"))
    found = [to_line(event) for event in told]
    path.write_bytes(b"".join(line + b"\n" for line in found))
    return found


def write_leaderboard(path: Path, rows: int) -> None:
    """A leaderboard of trials, filled with what its columns may hold."""
    columns = {}
    for column in boards.COLUMNS:
        if column.choices:
            values: list[Any] = [column.choices[0]] * rows
        elif column.type == pa.int64():
            values = [min(number + 1, int(min(column.bounds[1], rows))) for number in range(rows)]
        elif column.type == pa.float64():
            values = [number / (rows + 1) for number in range(rows)]
        else:
            values = [None] * rows
        columns[column.name] = pa.array(values, column.type)
    metadata = {"hsiauto.schema_version": boards.SCHEMA_VERSION}
    boards.write(pa.table(columns).replace_schema_metadata(metadata), path)


@dataclass
class Served:
    """A service that is started, killed and started again on one folder."""

    root: Path
    journal: Path
    per_second: float
    process: BaseProcess | None = None
    port: int = field(default_factory=lambda: _free_port())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pid in self.processes():  # of a job that it had not settled yet
            psutil.Process(pid).kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        job = (
            sys.executable,
            "-S",
            "-E",
            str(Path(__file__).with_name("job.py")),
            str(self.journal),
            str(self.per_second),
        )
        config = ServiceConfig(root=self.root, job=job, min_free_bytes=1, requests_per_minute=1_000_000)
        self.process = _SERVICES.Process(target=_serve, args=(config, self.port), daemon=True)
        self.process.start()
        until = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert time.monotonic() < until, "the service does not answer"
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        assert self.process is not None
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.join()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.root / 'token').read_text().strip()}"}

    def ask(self, path: str, body: bytes | None = None, method: str | None = None) -> Any:
        """The JSON of an answer; None: it has no content."""
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            content = answer.read()
        return json.loads(check_json(content, path)) if content else None

    def new_run(self) -> str:
        return str(self.ask("/api/runs", b'{"scene": "demo"}')["id"])

    def job_pid(self, run: str) -> int | None:
        """The process of a run that goes on."""
        mark = str(self.root / "runs" / f"{run}.exit")
        for process in psutil.process_iter(["cmdline"]):
            if mark in (process.info["cmdline"] or ()):
                return process.pid
        return None

    def processes(self) -> list[int]:
        """All that jobs have started, directly or not."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it ended meanwhile, or is another user's
                if process.environ().get("HSIAUTO_JOB", "").startswith(str(self.root)):
                    found.append(process.pid)
        return found

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _serve(config: ServiceConfig, port: int) -> None:
    sys.stderr = open("/dev/null", "w")  # noqa: SIM115 - its log, as long as it lives
    serve(config, "127.0.0.1", port, None, lambda port, code: None)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])

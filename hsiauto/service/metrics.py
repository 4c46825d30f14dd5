"""/metrics: what an operator watches, in Prometheus' text format."""

import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from hsiauto.service.runs import STATES
from hsiauto.service.users import ROLES

if TYPE_CHECKING:
    from hsiauto.service.core import Service

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LONGEST_S = 5


class Counts:
    """Answers so far, by method, route and status."""

    def __init__(self) -> None:
        self._lock, self._answers, self._seconds = threading.Lock(), Counter[tuple[str, str, int]](), 0.0

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._answers[method, route, status] += 1
            self._seconds += seconds

    def all(self) -> tuple[Mapping[tuple[str, str, int], int], float]:
        with self._lock:
            return Counter(self._answers), self._seconds


def text(service: "Service") -> str:
    """All metrics of a service."""
    states = Counter(
        {row["state"]: row["n"] for row in _count(service, "SELECT state, count(*) AS n FROM run GROUP BY state")}
    )
    going = service.database.rows("SELECT id FROM run WHERE state IN ('running', 'stopping')")
    trials = sum(service.progress.of(service.runs.path(row["id"])).trials for row in going)
    roles = Counter(
        {row["role"]: row["n"] for row in _count(service, "SELECT role, count(*) AS n FROM user GROUP BY role")}
    )
    disk = shutil.disk_usage(service.config.root)
    answers, seconds = service.counts.all()
    blocks: tuple[tuple[str, str, str, list[tuple[Mapping[str, str], float]]], ...] = (
        ("runs", "gauge", "Runs by state.", [({"state": state}, states[state]) for state in STATES]),
        ("runs_at_once", "gauge", "Runs that may go on at a time.", [({}, service.config.runs_at_once)]),
        ("trials", "gauge", "Trials that ended, of the runs that go on.", [({}, trials)]),
        ("gpu_share", "gauge", "Share of the time that each GPU was busy.", _gpus()),
        ("streams", "gauge", "Clients that follow runs.", [({}, service.streams.open)]),
        ("users", "gauge", "Tokens by role.", [({"role": role}, roles[role]) for role in ROLES]),
        ("scene_bytes", "gauge", "Of uploaded scenes.", [({}, service.scenes.bytes_kept())]),
        ("disk_free_bytes", "gauge", "Of the disk that the service writes to.", [({}, disk.free)]),
        ("disk_total_bytes", "gauge", "Of the same disk.", [({}, disk.total)]),
        (
            "requests_total",
            "counter",
            "Answers by method, route and status.",
            [
                ({"method": method, "route": route, "status": str(status)}, n)
                for (method, route, status), n in sorted(answers.items())
            ],
        ),
        ("request_seconds_total", "counter", "Seconds until answers ended.", [({}, round(seconds, 3))]),
    )
    return "".join(line for name, kind, about, samples in blocks for line in _block(name, kind, about, samples))


def _block(name: str, kind: str, about: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    yield f"# HELP hsiauto_{name} {about}\n# TYPE hsiauto_{name} {kind}\n"
    for labels, value in samples:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"hsiauto_{name}{{{named}}} {value}\n" if named else f"hsiauto_{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _count(service: "Service", asked: str) -> list[dict[str, int | str]]:
    return service.database.rows(asked)


def _gpus() -> list[tuple[Mapping[str, str], float]]:
    """As NVIDIA's tool tells, which needs no memory of theirs; nothing without it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    asked = [tool, "--query-gpu=index,utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=_LONGEST_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):  # no driver, or one that hangs
        return []
    pairs = [line.split(",") for line in told.splitlines()]
    return [({"gpu": gpu.strip()}, int(busy) / 100) for gpu, busy in pairs if busy.strip().isdecimal()]

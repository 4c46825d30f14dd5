"""A run from queued to its end, whoever is killed meanwhile. The jobs write a journal and need no Ray."""

import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hsiauto.service import jobs
from hsiauto.service.config import ServiceConfig
from hsiauto.service.core import opened
from hsiauto.service.queue import Queue
from hsiauto.service.users import User
from tests.service.conftest import Configured, House, journal_lines


def _journal(house: House, run: str) -> list[bytes]:
    return (house.service.runs.path(run) / "journal.jsonl").read_bytes().splitlines()


def _n_lines(journal: Path) -> int:
    return len(journal.read_bytes().splitlines()) if journal.is_file() else 0


def _has_lines(house: House, run: str, n: int) -> None:
    path = house.service.runs.path(run) / "journal.jsonl"
    until = time.monotonic() + 30
    while _n_lines(path) < n or (house.service.runs.get(run) or {})["pid"] is None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_run_succeeds_and_says_so(house: House) -> None:
    run = house.run("ann", name="first", config={"budget": 4, "train_fraction": 0.1, "protocol": "random"})
    house.wait(run)
    told = house.client.get(f"/api/runs/{run}", headers=house.as_("ann")).json()
    assert (told["state"], told["reason"], told["name"], told["mine"]) == ("succeeded", "", "first", True)
    assert told["config"] == {"budget": 4, "train-fraction": 0.1, "protocol": "random"}
    assert told["command"] == "hsiauto search --dataset demo --protocol random --train-fraction 0.1 --budget 4"
    assert told["progress"] | {"seconds": 0} == {
        **{"trials": 4, "budget": 4, "reevaluations": 0, "refits": 0, "phase": "search", "seconds": 0},
        "best": {"family": "svm", "val_oa": 0.8},
    }
    config = house.service.runs.path(run, ".yaml").read_text()
    assert "command: search" in config
    assert "dataset: demo" in config


@pytest.mark.parametrize(
    ("code", "state", "words"), [(1, "failed", "nothing"), (2, "failed", "--out"), (143, "stopped", "signal")]
)
def test_an_exit_code_is_a_state(started: Callable[..., House], code: int, state: str, words: str) -> None:
    house = started(code=code)
    row = house.wait(house.run())
    assert row["state"] == state
    assert words in row["reason"]


def test_one_runs_while_the_next_waits(started: Callable[..., House]) -> None:
    house = started(held=True)
    first, second = house.run(), house.run()
    house.wait(first, "running")
    assert house.state(second) == "queued"
    house.gate.unlink()
    assert house.wait(second)["started"] >= house.wait(first)["ended"]


def test_a_run_is_stopped_and_goes_on(started: Callable[..., House]) -> None:
    house = started(held=True)
    run, headers = house.run(), house.as_("ann")
    _has_lines(house, run, 1)
    assert house.client.post(f"/api/runs/{run}/stop", headers=headers).json()["state"] == "stopping"
    assert house.wait(run)["state"] == "stopped"
    assert _journal(house, run) == journal_lines()[:1]
    house.gate.unlink()
    changes = {"budget": 60, "time_limit": "2h"}
    assert house.client.post(f"/api/runs/{run}/resume", headers=headers, json=changes).status_code == 200
    assert house.wait(run)["state"] == "succeeded"
    assert _journal(house, run) == journal_lines()
    log = house.service.runs.path(run, ".log").read_text().splitlines()
    assert log[1] == f"search --resume {house.service.runs.path(run)} --budget 60 --time-limit 2h"
    less = house.client.post(f"/api/runs/{run}/resume", headers=headers, json={"budget": 50})
    assert (less.status_code, "extends" in less.json()["error"]["rule"]) == (422, True)


def test_a_run_that_does_not_end_is_killed(started: Callable[..., House]) -> None:
    house = started(held=True, stop_grace_s=0.1)
    run = house.run()
    _has_lines(house, run, 1)
    row = house.service.runs.get(run) or {}
    os.kill(jobs.Process(row["pid"], row["pid_started"]).pid, signal.SIGSTOP)
    house.client.post(f"/api/runs/{run}/stop", headers=house.as_("ann"))
    assert house.wait(run)["state"] == "stopped"
    assert not jobs.Process(row["pid"], row["pid_started"]).lives


def test_a_run_that_waits_is_stopped_at_once(started: Callable[..., House]) -> None:
    house = started(held=True)
    first, second = house.run(), house.run()
    house.wait(first, "running")
    assert house.client.post(f"/api/runs/{second}/stop", headers=house.as_("ann")).json()["state"] == "stopped"
    again = house.client.post(f"/api/runs/{second}/stop", headers=house.as_("ann"))
    assert again.status_code == 409
    assert house.client.delete(f"/api/runs/{first}", headers=house.as_("ann")).status_code == 409


def _kill(house: House, run: str, n: int) -> None:
    """Kill the process of a run, whose journal will have `n` lines."""
    _has_lines(house, run, n)
    pid = (house.service.runs.get(run) or {})["pid"]
    assert Path(f"/proc/{pid}/cmdline").read_bytes().count(b"fake_job.py") == 1
    os.kill(pid, signal.SIGKILL)


def test_a_job_that_is_killed_goes_on_once(started: Callable[..., House]) -> None:
    house = started(held=True)
    run = house.run()
    _kill(house, run, 1)
    _kill(house, run, 2)
    row = house.wait(run)
    assert (row["state"], row["reason"].split(";")[0]) == ("failed", "its process was killed, twice")
    house.gate.unlink()
    assert house.client.post(f"/api/runs/{run}/resume", headers=house.as_("ann"), json={}).status_code == 200
    assert house.wait(run)["state"] == "succeeded"
    assert _journal(house, run) == journal_lines()


def test_the_queue_outlives_a_database_that_is_busy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tick, failures = Queue.tick, [sqlite3.OperationalError("database is locked")] * 2

    def fail(queue: Queue) -> None:
        if failures:
            raise failures.pop()
        tick(queue)

    monkeypatch.setattr(Queue, "tick", fail)
    assert house.wait(house.run())["state"] == "succeeded"
    assert not failures


def test_a_job_that_was_killed_before_it_began_starts_anew(house: House) -> None:
    run = house.run()
    house.wait(run)
    row = house.service.runs.get(run)
    assert row is not None
    (house.service.runs.path(run) / "journal.jsonl").write_bytes(b'{"event":"op')
    house.client.post(f"/api/runs/{run}/resume", headers=house.as_("ann"), json={})
    house.wait(run)
    assert _journal(house, run) == journal_lines()


def test_a_run_outlives_its_service(configured: Configured, started: Callable[..., House], tmp_path: Path) -> None:
    (tmp_path / "template.jsonl.hold").touch()
    child = multiprocessing.get_context("fork").Process(target=_serve_until_killed, args=(configured(),))
    child.start()
    while not list((tmp_path / "root").glob("runs/*/journal.jsonl")):
        time.sleep(0.02)
    child.kill()
    child.join()
    house = started()
    (row,) = house.service.database.rows("SELECT * FROM run")
    assert row["state"] == "running"
    house.gate.unlink()
    assert house.wait(row["id"])["state"] == "succeeded"
    assert _journal(house, row["id"]) == journal_lines()
    assert len(house.service.runs.path(row["id"], ".log").read_text().splitlines()) == 1, "it was started once"


def _serve_until_killed(config: ServiceConfig) -> None:
    with opened(config) as service:
        service.queue.start()
        ann = User("ann", "runner")
        service.runs.search(ann, service.scenes.ready("demo", ann), None, {}, None)
        time.sleep(60)


def test_a_run_whose_machine_went_down_goes_on(configured: Configured, started: Callable[..., House]) -> None:
    with opened(configured()) as service:
        ann = User("ann", "runner")
        run, _ = service.runs.search(ann, service.scenes.ready("demo", ann), None, {}, None)
        service.database.update("run", run["id"], state="running", pid=os.getpid(), pid_started=0.0)
        service.runs.path(run["id"]).mkdir()
        (service.runs.path(run["id"]) / "journal.jsonl").write_bytes(journal_lines()[0] + b"\n")
    house = started()
    row = house.wait(run["id"])
    assert (row["state"], row["losses"]) == ("succeeded", 1)
    assert _journal(house, run["id"]) == journal_lines()


def test_only_what_carries_a_jobs_mark_is_killed(tmp_path: Path) -> None:
    strange = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        jobs.kill(jobs.Process(strange.pid, psutil.Process(strange.pid).create_time()), tmp_path / "run.exit")
        time.sleep(0.1)
        assert strange.poll() is None
    finally:
        strange.kill()
        strange.wait()


def test_what_a_job_leaves_is_killed_if_nobody_noted_its_process(tmp_path: Path) -> None:
    exit_file, sleep = tmp_path / "run.exit", "import time; time.sleep(60)"
    leaves = (
        f"from subprocess import *; print(Popen({[sys.executable, '-c', sleep]}, stdout=DEVNULL, stderr=DEVNULL).pid)"
    )
    marked: dict[str, Any] = {"env": {**os.environ, "HSIAUTO_JOB": str(exit_file)}, "start_new_session": True}
    left = int(subprocess.run([sys.executable, "-c", leaves], capture_output=True, check=True, **marked).stdout)
    leader = subprocess.Popen([sys.executable, "-c", sleep], **marked)
    try:
        assert psutil.pid_exists(left)
        jobs.kill(None, exit_file)
        until = time.monotonic() + 30
        while psutil.pid_exists(left) and psutil.Process(left).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until, "a process was left"
            time.sleep(0.01)
        assert leader.poll() is None, "Ray's watcher cleans up behind a job"
    finally:
        leader.kill()
        leader.wait()


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    assert jobs.Process(os.getpid(), 0.0).lives is False


@pytest.mark.parametrize(
    ("log", "words"),
    [("a\nerror: bad\nb\n", "bad"), ("a\nb\n\n", "b"), ("", "")],
)
def test_the_last_words_of_a_log(tmp_path: Path, log: str, words: str) -> None:
    (tmp_path / "log").write_text(log)
    assert jobs.last_words(tmp_path / "log") == words


def test_a_key_makes_one_run(house: House) -> None:
    headers = {**house.as_("ann"), "Idempotency-Key": "one"}
    first = house.client.post("/api/runs", headers=headers, json={"scene": "demo"})
    again = house.client.post("/api/runs", headers=headers, json={"scene": "demo"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = house.client.post("/api/runs", headers=headers, json={"scene": "demo", "config": {"budget": 9}})
    assert other.status_code == 409
    bobs = house.client.post(
        "/api/runs", headers={**house.as_("bob"), "Idempotency-Key": "one"}, json={"scene": "demo"}
    )
    assert bobs.status_code == 201


def test_so_many_wait(started: Callable[..., House]) -> None:
    house = started(queue=1, held=True)
    house.wait(house.run(), "running")
    house.run()
    assert house.client.post("/api/runs", headers=house.as_("ann"), json={"scene": "demo"}).status_code == 429


def test_runs_are_listed_by_page_order_and_state(house: House) -> None:
    ids = [house.run("ann", name=name) for name in ("b", "a", "c")]
    house.run("bob")
    for run in ids:
        house.wait(run)
    get = house.client.get
    page = get("/api/runs", params={"sort": "name", "page_size": 2}, headers=house.as_("ann")).json()
    assert ([run["name"] for run in page["items"]], page["total"]) == (["a", "b"], 3)
    page = get("/api/runs", params={"sort": "name", "page_size": 2, "page": 2}, headers=house.as_("ann")).json()
    assert [run["name"] for run in page["items"]] == ["c"]
    assert get("/api/runs", params={"state": "failed"}, headers=house.as_("ann")).json()["total"] == 0
    assert get("/api/runs", headers=house.as_("admin")).json()["total"] == 4
    assert get("/api/runs", params={"sort": "pid"}, headers=house.as_("ann")).status_code == 422
    assert get("/api/runs", params={"page_size": 201}, headers=house.as_("ann")).status_code == 422


def test_a_run_is_named_and_shared(house: House) -> None:
    run = house.run("ann")
    change = house.client.patch(f"/api/runs/{run}", headers=house.as_("ann"), json={"name": "mine", "shared": True})
    assert (change.json()["name"], change.json()["shared"]) == ("mine", True)
    told = house.client.get(f"/api/runs/{run}", headers=house.as_("bob")).json()
    assert (told["name"], told["mine"], told["owner"]) == ("mine", False, "ann")
    assert house.client.patch(f"/api/runs/{run}", headers=house.as_("bob"), json={"name": "x"}).status_code == 404
    assert house.client.patch(f"/api/runs/{run}", headers=house.as_("ann"), json={"shared": 0}).status_code == 422


def test_a_deleted_run_leaves_nothing(house: House) -> None:
    run = house.run()
    house.wait(run)
    assert house.client.delete(f"/api/runs/{run}", headers=house.as_("ann")).status_code == 204
    assert list((house.service.config.root / "runs").iterdir()) == []


def test_searches_join_the_cluster_and_wait_while_it_is_away(started: Callable[..., House]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as cluster:
        address = f"127.0.0.1:{cluster.getsockname()[1]}"
        house = started(code=3, address=address)
        run = house.run()
        row = house.wait(run)
        assert (row["state"], row["reason"].partition(";")[0]) == ("failed", "Ray was lost, twice")
        told = house.service.runs.path(run, ".log").read_text().splitlines()
        assert [line.split()[0] for line in told] == ["search", "search"]
        assert all(line.endswith(f"--address {address}") for line in told)
        assert "--resume" in told[1]
    waits = house.run()
    until = time.monotonic() + 30
    while not (row := house.service.runs.get(waits) or {})["reason"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert row["state"] == "queued"
    assert row["reason"].startswith(f"waits: no Ray cluster answers at {address}: ")
    house.service.database.update("run", waits, kind="predict")
    house.wait(waits)
    assert "--address" not in house.service.runs.path(waits, ".log").read_text(), "a prediction needs no cluster"

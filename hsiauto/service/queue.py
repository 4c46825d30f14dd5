"""The queue: starts what waits, and settles what became of what ran. One thread; its truth is processes and files."""

import logging
import shutil
import signal
import sqlite3
import threading
import time
from pathlib import Path

from hsiauto.service import jobs
from hsiauto.service.config import ServiceConfig
from hsiauto.service.database import Database, Row, unpacked
from hsiauto.service.jobs import Jobs, Process
from hsiauto.service.limits import cluster_left, disk_left
from hsiauto.service.names import now, without
from hsiauto.service.runs import Runs

_PERIOD_S = 0.5
_OPENED = b'{"event":"opened"'
"""What the journal of a run that can be resumed begins with."""
_DONE, _NOTHING_TRAINED, _RAY_LOST, _SIGNALLED = 0, 1, 3, (129, 130, 143)
"""Exit codes of hsiauto."""
_log = logging.getLogger("hsiauto.service")


class Queue:
    """The states of runs: queued -> running -> succeeded, stopped or failed; lost once -> running again."""

    def __init__(self, config: ServiceConfig, database: Database, runs: Runs) -> None:
        self._config, self._database, self._runs, self._jobs = config, database, runs, Jobs(config.job)
        self._signalled: set[str] = set()
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    def start(self) -> None:
        """Find the processes of an earlier service, then work until `close`."""
        for row in self._in("running", "stopping"):
            if process := jobs.find(self._runs.path(row["id"], ".exit")):
                self._database.update("run", row["id"], pid=process.pid, pid_started=process.started)
                _log.info("adopted", extra={"run": row["id"]})
        self._thread.start()

    @property
    def works(self) -> bool:
        return self._thread.is_alive()

    def wake(self) -> None:
        """Something may be there to do."""
        self._wake.set()

    def close(self) -> None:
        """End the thread; what runs goes on, and the next service finds it."""
        self._end.set()
        self.wake()
        self._thread.join()

    def _work(self) -> None:
        while not self._end.is_set():
            try:
                self.tick()
            except sqlite3.OperationalError:  # a full disk, or another process has the database
                _log.exception("the queue could not work, and tries again")
            self._wake.wait(_PERIOD_S)
            self._wake.clear()

    def tick(self) -> None:
        """Settle what ended, then start what there is room for."""
        self._jobs.reap()
        for row in self._in("running", "stopping"):
            process = row["pid"] and Process(row["pid"], row["pid_started"])
            if not process or not process.lives:
                self._settle(row, process)
            elif row["state"] == "stopping":
                self._stop(row, process)
        room = self._config.runs_at_once - len(self._in("running", "stopping"))
        if room > 0 and (waiting := self._in("queued", "lost")):
            if why := disk_left(self._config.root, self._config.min_free_bytes):
                self._database.run("UPDATE run SET reason = ? WHERE state = 'queued'", (f"waits: {why}",))
                return
            if away := cluster_left(self._config.address):
                asked = "UPDATE run SET reason = ? WHERE state = 'queued' AND kind = 'search'"
                self._database.run(asked, (f"waits: {away}",))
            able = [row for row in waiting if not away or row["kind"] != "search"]
            for row in able[:room]:
                self._start(row)

    def _in(self, *states: str) -> list[Row]:
        marks = ", ".join("?" * len(states))
        return self._database.rows(f"SELECT * FROM run WHERE state IN ({marks}) ORDER BY queued, id", states)

    def _stop(self, row: Row, process: Process) -> None:
        """Ask once, then wait for as long as a run may write what it found."""
        if row["id"] not in self._signalled:
            self._signalled.add(row["id"])
            process.signal(signal.SIGTERM)
        elif time.time() > row["stop_asked"] + self._config.stop_grace_s:
            jobs.kill(process, self._runs.path(row["id"], ".exit"))

    def _start(self, row: Row) -> None:
        run, folder = row["id"], self._runs.path(row["id"])
        journal = folder / "journal.jsonl"
        arguments = [*unpacked(row["arguments"]), *unpacked(row["further"])]
        if row["kind"] == "search":
            if _is_opened(journal):
                arguments = ["search", "--resume", str(folder), *unpacked(row["further"])]
            else:
                shutil.rmtree(folder, ignore_errors=True)
            if self._config.address:
                arguments += ["--address", self._config.address]
        asked = "UPDATE run SET state = 'running', reason = '', started = ?, pid = NULL WHERE id = ? AND state = ?"
        if not self._database.run(asked, (now(), run, row["state"])):
            return  # stopped meanwhile
        self._signalled.discard(run)
        try:
            process = self._jobs.start(self._runs.path(run, ".exit"), self._runs.path(run, ".log"), arguments)
        except OSError as error:
            self._end_run(row, "failed", f"its process could not be started: {error.strerror}")
            return
        self._database.update("run", run, pid=process.pid, pid_started=process.started)
        _log.info("started", extra={"run": run})

    def _settle(self, row: Row, process: Process | None) -> None:
        """Write down what became of a run whose process is gone."""
        jobs.kill(process, self._runs.path(row["id"], ".exit"))
        code = jobs.exit_code(self._runs.path(row["id"], ".exit"))
        told = without(self._config.root, jobs.last_words(self._runs.path(row["id"], ".log")))
        if code == _DONE:
            self._end_run(row, "succeeded", "")
        elif row["state"] == "stopping":
            self._end_run(row, "stopped", "stopped by a user")
        elif code in _SIGNALLED:
            self._end_run(row, "stopped", "its process was asked to end by a signal")
        elif code in (None, _RAY_LOST):
            what = "its process was killed" if code is None else "Ray was lost"
            if row["losses"]:
                self._end_run(row, "failed", f"{what}, twice; {told}")
            else:
                asked = "UPDATE run SET state = 'lost', reason = ?, losses = 1 WHERE id = ? AND state = 'running'"
                self._database.run(asked, (f"{what}; it goes on once by itself", row["id"]))  # else: stopped meanwhile
                _log.warning("lost", extra={"run": row["id"]})
        else:
            self._end_run(row, "failed", "nothing was trained" if code == _NOTHING_TRAINED else told)

    def _end_run(self, row: Row, state: str, reason: str) -> None:
        self._database.update("run", row["id"], state=state, reason=reason, ended=now())
        self._signalled.discard(row["id"])
        _log.info("ended", extra={"run": row["id"], "state": state})


def _is_opened(journal: Path) -> bool:
    """Whether a run got so far that it can be resumed."""
    if not journal.is_file():
        return False
    with journal.open("rb") as file:
        line = file.readline()
    return line.startswith(_OPENED) and line.endswith(b"\n")

"""Workers that are forks of a process that has imported what they need."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hsiauto.search import fork_server
from hsiauto.search.fork_server import ForkServer, forked_workers, imports_ahead

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux alone")
STAND_IN = Path(fork_server.__file__).parent / "workers" / "forked_worker.py"
WORKER = """
import json, os, signal, sys
like = [
    os.getcwd(), os.environ.get("ASKED"), os.getpriority(os.PRIO_PROCESS, 0), open("/proc/self/oom_score_adj").read(),
    sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), sys.argv[1:], __name__,
]
print(json.dumps([like, os.getpid(), os.getpgid(0), "colorsys" in sys.modules]), flush=True)
print("to stderr", file=sys.stderr)
sys.stdin.read()
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fork_server, "PRELOADED", ("colorsys",))
    for name in (fork_server.PLACE, fork_server.WORKER):  # of a Ray that other tests share
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "worker.py"
    path.write_text(WORKER)
    return path


class Asked:
    """A worker that was asked for as Ray does it: nicer, the first to go when memory is short, deaf to SIGUSR2."""

    def __init__(self, folder: Path, stand_in: Path = STAND_IN) -> None:
        as_ray = (
            "import os, signal, sys; os.nice(3); open('/proc/self/oom_score_adj', 'w').write('500');"
            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2}); os.execv(sys.executable, sys.orig_argv[3:])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", as_ray, sys.executable, str(stand_in), "--a", "b c"],
            cwd=folder,
            env={**os.environ, "ASKED": "yes"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        (*self.like, blocked, arguments, name), self.pid, self.group, self.is_fork = told
        assert (arguments, name) == (["--a", "b c"], "__main__")
        assert signal.SIGUSR2 in blocked

    def end(self) -> None:
        assert self.process.poll() is None, "it lives as long as the worker"
        assert self.process.communicate("", timeout=60) == ("", "to stderr\n")
        assert self.process.returncode == 0


def test_a_worker_is_a_fork_that_is_like_whoever_asked(script: Path, tmp_path: Path) -> None:
    with imports_ahead(), forked_workers(tmp_path, str(script)):
        for worker in [Asked(tmp_path), Asked(tmp_path)]:
            assert worker.like == [str(tmp_path), "yes", os.getpriority(os.PRIO_PROCESS, 0) + 3, "500\n"]
            assert (worker.is_fork, worker.pid != worker.process.pid) == (True, True)
            assert worker.group == worker.pid, "Ray may end a worker with its group, which must not be the server's"
            worker.end()
    assert fork_server.PLACE not in os.environ


def test_a_worker_ends_with_whoever_asked(script: Path, tmp_path: Path) -> None:
    """Ray kills what it has started, and that is not the fork."""
    with forked_workers(tmp_path, str(script)):
        worker = Asked(tmp_path)
        worker.process.kill()
        worker.process.communicate(timeout=60)
        assert not psutil.pid_exists(worker.pid) or not psutil.wait_procs([psutil.Process(worker.pid)], 60)[1]


def test_without_a_fork_server_it_is_the_worker_itself(script: Path, tmp_path: Path) -> None:
    others = set(psutil.Process().children())
    with forked_workers(tmp_path, str(script)):
        for server in set(psutil.Process().children()) - others:
            server.kill()
            server.wait()
        worker = Asked(tmp_path)
        assert (worker.is_fork, worker.pid) == (False, worker.process.pid)
        worker.end()


def test_a_process_with_threads_is_not_forked(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "threads.py").write_text(
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fork_server, "PRELOADED", ("threads",))
    with forked_workers(tmp_path, str(script)):
        worker = Asked(tmp_path)
        assert worker.pid == worker.process.pid
        worker.end()


def test_what_workers_import_starts_no_thread(tmp_path: Path) -> None:
    """Otherwise each worker would import by itself, and nobody would notice."""
    (tmp_path / "worker.py").write_text(WORKER)
    patient = tmp_path / "patient.py"
    patient.write_text(STAND_IN.read_text().replace("PATIENCE_S = 45.0", "PATIENCE_S = 600.0"))
    with forked_workers(tmp_path, str(tmp_path / "worker.py")):
        worker = Asked(tmp_path, patient)
        assert worker.pid != worker.process.pid
        worker.end()


def test_a_fork_server_that_is_too_slow_is_not_waited_for(script: Path, tmp_path: Path) -> None:
    impatient = tmp_path / "impatient.py"
    impatient.write_text(STAND_IN.read_text().replace("PATIENCE_S = 45.0", "PATIENCE_S = 0.2"))
    with imports_ahead():
        server = psutil.Process(fork_server._ahead[0]._process.pid)
        server.suspend()
        with forked_workers(tmp_path, str(script)):
            worker = Asked(tmp_path, impatient)
            assert (worker.is_fork, worker.pid) == (False, worker.process.pid)
            server.resume()
            worker.end()
            assert not psutil.wait_procs(server.children(), timeout=60)[1], "a fork that nobody waits for ends"


def test_a_fork_server_ends_with_whoever_started_it(script: Path) -> None:
    server = ForkServer()
    server._control.close()
    assert server._process.wait(60) == 0
    server.end()

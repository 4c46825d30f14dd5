"""A process that imports once what every worker needs, and then forks a worker whenever Ray starts one.

Ray would start each worker as a Python of its own, which imports torch, scikit-learn and the families for seconds of a
processor, in every phase of a run anew. Instead it starts `workers/forked_worker.py`, which asks this process for a
fork. Run as a script, this file is that process. It imports no Ray, and forks only while it has one thread: whatever
forks must not leave locks of other threads behind.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

if sys.platform != "win32":
    import resource

PRELOADED = (
    "hsiauto.training.ensemble",
    "hsiauto.training.active.learn",
    "hsiauto.models.bundle",
    "hsiauto.models.predict",
    "torch._dynamo",  # the first optimiser of a process imports it
    "pandas",  # which Ray Tune imports
)
PLACE, WORKER = "HSIAUTO_FORK_SERVER", "HSIAUTO_FORK_WORKER"
"""Variables of `forked_worker.py`: the socket of the fork server, and the script of Ray's worker."""
HEADER_BYTES = 8
_NO_THREADS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_MAX_THREADS"), "1"),
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
"""With these, libraries start no threads when they are imported; a trial sets how many it uses (`use_threads`)."""


class ForkServer:
    """A fork server of this process; it ends with it."""

    def __init__(self) -> None:
        """Start it: it imports while this process goes on."""
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, json.dumps([os.path.abspath(path) for path in sys.path]), *PRELOADED],
                env={**os.environ, **_NO_THREADS},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C in a terminal does not reach workers
            )

    def listen(self, place: Path) -> None:
        """Let it fork for whoever asks at the socket `place`, from now on."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place))
            listener.listen()
            with suppress(OSError):  # it has ended: then nobody answers at the socket
                socket.send_fds(self._control, [b"."], [listener.fileno()])

    def end(self) -> None:
        """End it, not its workers."""
        self._control.close()
        self._process.kill()
        self._process.wait()


_ahead: list[ForkServer] = []


@contextmanager
def imports_ahead(here: bool = True) -> Iterator[None]:
    """Start a fork server for a Ray that may be started within, so that it imports while this process does. here:
    whether one will be."""
    if here and sys.platform == "linux":  # elsewhere, what was imported may not survive a fork
        _ahead.append(ForkServer())
    try:
        yield
    finally:
        while _ahead:
            _ahead.pop().end()


@contextmanager
def forked_workers(folder: Path, worker: str, *, gpus: bool = False) -> Iterator[None]:
    """Within, `forked_worker.py` in a process started from here runs the script `worker` in a fork; with `gpus` it does
    not, as what their driver has set up does not survive one. folder: for the socket; nobody else may enter it."""
    if gpus or sys.platform != "linux":
        while _ahead:
            _ahead.pop().end()
        yield
        return
    before = {name: os.environ.get(name) for name in (PLACE, WORKER)}
    server = _ahead.pop() if _ahead else ForkServer()
    try:
        server.listen(folder / "forks")
        os.environ |= {PLACE: str(folder / "forks"), WORKER: worker}
        yield
    finally:
        server.end()
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ |= {} if value is None else {name: value}


def _serve() -> None:
    """Import the modules of the command line, then fork for each connection until stdin is closed at its other end."""
    sys.path[:], before = json.loads(sys.argv[1]), dict(os.environ)
    for name in sys.argv[2:]:
        import_module(name)
    set_by_imports = {name: value for name, value in os.environ.items() if before.get(name) != value}
    if len(os.listdir("/proc/self/task")) > 1:
        return
    gc.collect()
    gc.freeze()  # collections in a fork need not touch, and so copy, what all share
    control = socket.socket(fileno=os.dup(0))
    _, handed, *_ = socket.recv_fds(control, 1, 1)
    if not handed:
        return
    listener = socket.socket(fileno=handed[0])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(listener, selectors.EVENT_READ)
        while control not in [key.fileobj for key, _ in selector.select()]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                break
            connection.close()
        else:
            return
    control.close()
    listener.close()
    _become(connection, set_by_imports)


def _become(connection: socket.socket, variables: dict[str, str]) -> None:
    """Be the worker that was asked for at `connection`, as if whoever asks had become it, and end with that process.

    variables: what it would set when it imports, if it had them not.
    """
    os.setpgid(0, 0)  # Ray ends a worker with its group
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, streams, *_ = socket.recv_fds(connection, HEADER_BYTES, 3)
    asked = json.loads(connection.makefile("rb").read(int.from_bytes(header, "big")))
    for stream, descriptor in enumerate(streams):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(variables | asked["environment"])
    os.chdir(asked["folder"])
    signal.pthread_sigmask(signal.SIG_SETMASK, asked["blocked"])
    resource.setrlimit(resource.RLIMIT_NOFILE, asked["files"])
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, asked["niceness"])
        Path("/proc/self/oom_score_adj").write_text(asked["oom_score_adj"])
    if "numpy" in sys.modules:  # whose global generator would be that of the other forks
        sys.modules["numpy"].random.seed()
    worker, _ = os.environ.pop(WORKER), os.environ.pop(PLACE)
    sys.argv = [worker, *asked["arguments"]]
    try:
        connection.sendall(b".")
    except OSError:  # it was not waited for
        return
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    runpy.run_path(worker, run_name="__main__")


def _end_with(connection: socket.socket) -> None:
    """Wait until the other end of `connection` is closed, and end this process."""
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _serve()

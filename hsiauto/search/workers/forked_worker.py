"""What Ray starts in place of its worker: it asks the fork server for one that is like itself, and lives as long.

A script of its own that imports next to nothing. If no fork server answers in time it becomes Ray's worker itself.
"""

import json
import os
import resource
import signal
import socket
import sys

PATIENCE_S = 45.0
"""Ray's driver waits for its first workers, and for ever for one that it has given up
(`RAY_worker_register_timeout_seconds`)."""
LOOK_S = 0.5


def main() -> None:
    raylet = os.getppid()
    with socket.socket(socket.AF_UNIX) as connection:
        if _is_forked(connection):
            while os.getppid() == raylet and _goes_on(connection):
                pass
            return
    worker, _ = os.environ.pop("HSIAUTO_FORK_WORKER"), os.environ.pop("HSIAUTO_FORK_SERVER")
    os.execv(sys.executable, [sys.executable, worker, *sys.argv[1:]])


def _is_forked(connection: socket.socket) -> bool:
    """Ask for a fork; whether there is one. If not, there will be none."""
    try:
        connection.connect(os.environ["HSIAUTO_FORK_SERVER"])
        content = json.dumps(_myself()).encode()
        socket.send_fds(connection, [len(content).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(content)
        connection.settimeout(PATIENCE_S)
        try:
            return connection.recv(1) != b""
        except TimeoutError:
            connection.shutdown(socket.SHUT_RD)  # from now on a fork cannot answer, and so does not begin
            return connection.recv(1) != b""
    except OSError:
        return False


def _myself() -> dict[str, object]:
    """All in which a worker that Ray started itself would differ from a fork."""
    with open("/proc/self/oom_score_adj") as file:
        oom_score_adj = file.read()
    return {
        "arguments": sys.argv[1:],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "oom_score_adj": oom_score_adj,
    }


def _goes_on(connection: socket.socket) -> bool:
    """Whether the fork goes on: it holds the other end of `connection`, and never writes again."""
    connection.settimeout(LOOK_S)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    except OSError:
        pass
    return False


if __name__ == "__main__":
    main()

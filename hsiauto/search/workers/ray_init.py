"""`ray.init` for a run: what Ray would print, start or leave open without need is switched off while it starts.

Ray has no public switch for these; what a later Ray no longer has is left alone, and tests/search/workers/ tells.
"""

import logging
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import ray
from ray import _raylet
from ray._private import node, ray_constants, services, worker
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]
from ray.tune.execution import class_cache

from hsiauto.search.fork_server import PLACE
from hsiauto.search.workers import stand_in
from hsiauto.search.workers.environment import kept_environment, kept_signals

RAY_WORKER = str(Path(ray.__file__).parent / "_private" / "workers" / "default_worker.py")
"""The script that Ray runs as a worker."""
_FORKED_WORKER = str(Path(__file__).with_name("forked_worker.py"))
_PORTS = [
    getattr(_raylet, f"{of}_PORT_NAME", None)
    for of in ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN", "RUNTIME_ENV_AGENT")
]
"""What the agents of a node tell its raylet."""
_OFFERS_NONE = -1
"""The port of a service that an agent does not offer, as that of a Ray without its dashboard's packages tells it."""


def join_ray(address: str) -> None:
    """Join the Ray at `address` as a driver that prints nothing."""
    with kept_signals(), _replaced(worker, listen_error_messages=_nothing):
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)


def init_local_ray(**settings: Any) -> None:
    """Start a Ray that listens to this machine alone, without the processes that only a cluster or a dashboard needs:
    the autoscaler's monitor, the log monitor (`log_to_driver`), the API server (the dashboard, usage statistics), and
    the node's agents (metrics, runtime environments). Its workers have this process's environment and no other.
    """
    needless = {"start_monitor": _nothing, "start_log_monitor": _nothing, "start_api_server": _nothing}
    with (
        kept_signals(),
        _replaced(ray_constants, ENABLE_RAY_CLUSTER=False),  # as on macOS: its address is 127.0.0.1
        _replaced(node.Node, **needless),
        _without_agents(),
        _with_forks(),
        _replaced(worker, listen_error_messages=_nothing, _maybe_modify_runtime_env=_nothing),  # as `uv run` would ask
    ):
        ray.init(
            address="local",  # unset, Ray would join a cluster that somebody else runs on this machine, and then refuse
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            **settings,
        )


def _without_agents() -> AbstractContextManager[None]:
    """Within, a node starts no agents: two processes that import for seconds before the node is there."""
    if sys.platform == "win32" or None in _PORTS or not hasattr(class_cache, "ENV_VARS_TO_PROPAGATE"):
        return nullcontext()  # of this Ray it is not known how it would do without
    start = node.Node.start_raylet

    def start_raylet(self: Any, *arguments: Any, **settings: Any) -> None:
        for port in _PORTS:
            _raylet.persist_port(self._session_dir, self._node_id, port, _OFFERS_NONE)  # type: ignore[attr-defined]
        command = [sys.executable, "-I", "-S", stand_in.__file__]
        with _replaced(services, _build_python_executable_command_memory_profileable=lambda *_, **__: command):
            start(self, *arguments, **settings)

    return _replaced(node.Node, start_raylet=start_raylet)


def _with_forks() -> AbstractContextManager[None]:
    """Within both this and `forked_workers` a node's workers are forks."""
    start = node.Node.start_raylet

    def start_raylet(self: Any, *arguments: Any, **settings: Any) -> None:
        if PLACE in os.environ:
            self._ray_params.worker_path = _FORKED_WORKER
        start(self, *arguments, **settings)

    return _replaced(node.Node, start_raylet=start_raylet)


def plain_environment() -> AbstractContextManager[None]:
    """Within, Tune asks for no environment of its trials' own: there is no agent to make one, and with one none of the
    workers would do that Ray starts ahead."""
    return _replaced(class_cache, DEFAULT_ENV_VARS={}, ENV_VARS_TO_PROPAGATE=frozenset())


@contextmanager
def own_token() -> Iterator[None]:
    """A random token for the Ray that is started within. It stands in the environment alone: Ray would write one to a
    file that others may read. Who does not have it can join no cluster and run nothing there.
    """
    try:
        with kept_environment():
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
            _read_environment_again()
            yield
    finally:
        _read_environment_again()


def first_line(error: BaseException) -> str:
    """What `error` says, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _read_environment_again() -> None:
    """Ray reads these variables once a process."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _replaced(owner: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(owner, name) for name in values if hasattr(owner, name)}
    for name in before:
        setattr(owner, name, values[name])
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


def _nothing(*arguments: Any, **settings: Any) -> None:
    pass

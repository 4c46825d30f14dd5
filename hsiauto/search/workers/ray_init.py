"""`ray.init` for a run: what Ray would print, start or leave open without need is switched off while it starts.

Ray has no public switch for these; what a later Ray no longer has is left alone, and tests/search/workers/ tells.
"""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray._private import node, ray_constants, worker
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

from hsiauto.search.workers.environment import kept_environment, kept_signals


def join_ray(address: str) -> None:
    """Join the Ray at `address` as a driver that prints nothing."""
    with kept_signals(), _replaced(worker, listen_error_messages=_nothing):
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)


def init_local_ray(**settings: Any) -> None:
    """Start a Ray that listens to this machine alone, without the processes that only a cluster or a dashboard needs:
    the autoscaler's monitor, the log monitor (`log_to_driver`) and the API server (the dashboard, usage statistics).
    """
    needless = {"start_monitor": _nothing, "start_log_monitor": _nothing, "start_api_server": _nothing}
    with (
        kept_signals(),
        _replaced(ray_constants, ENABLE_RAY_CLUSTER=False),  # as on macOS: its address is 127.0.0.1
        _replaced(node.Node, **needless),
        _replaced(worker, listen_error_messages=_nothing),
    ):
        ray.init(
            address="local",  # unset, Ray would join a cluster that somebody else runs on this machine, and then refuse
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            **settings,
        )


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

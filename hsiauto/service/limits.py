"""Limits: requests a minute, free disk, a cluster that is there."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hsiauto.service.errors import Refused

_CONNECT_S = 2.0


class Rate:
    """A bucket a user: `per_minute` requests at once, refilled evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock, self._lock = per_minute, clock, threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, user: str) -> None:
        """Count one request. Raises 429, with the seconds to wait, if there were too many."""
        with self._lock:
            now = self._clock()
            left, at = self._left.get(user, (float(self._most), now))
            left = min(self._most, left + (now - at) * self._most / 60)
            self._left[user] = (max(left - 1, 0.0) if left >= 1 else left, now)
        if left < 1:
            wait = {"Retry-After": str(max(1, round((1 - left) * 60 / self._most)))}
            raise Refused(429, f"a user sends at most {self._most:,} requests a minute", "more", "Wait.", wait)


def disk_left(root: Path, floor: int) -> str:
    """Why nothing may start or be uploaded; empty: the disk has room."""
    free = shutil.disk_usage(root).free
    return "" if free >= floor else f"{free / 1e9:,.1f} GB free, below the {floor / 1e9:,.1f} GB that are kept"


def cluster_left(address: str | None) -> str:
    """Why no search may start: nothing listens at HOST:PORT of the Ray cluster. Empty: it does, or `auto` finds one."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS")
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal():
        return ""
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as error:
        return f"no Ray cluster answers at {address}: {error}"
    return ""


def require_disk(root: Path, floor: int) -> None:
    """Raises 507 if less than `floor` bytes are free."""
    if why := disk_left(root, floor):
        raise Refused(507, "the service's disk must have room", why, "Delete runs or scenes, or tell the operator.")

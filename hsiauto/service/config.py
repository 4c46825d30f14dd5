"""ServiceConfig: what an operator decides."""

import sys
from typing import Annotated

from pydantic import Field

from hsiauto.settings import AbsolutePath, Count, Settings

_AT_ONCE = Annotated[int, Field(ge=1, le=1000)]
_MANY = Annotated[int, Field(ge=1, le=1_000_000)]
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_Bytes = Annotated[Count, Field(le=10**15)]


class ServiceConfig(Settings):
    """What an operator decides: places, names, limits."""

    root: AbsolutePath
    """Folder of everything that the service keeps."""
    scenes: AbsolutePath | None = None
    """Folder of scenes that every user may read."""
    address: str | None = None
    """Ray cluster that the runs join; None: each starts its own Ray."""
    hosts: tuple[str, ...] = LOOPBACK_NAMES
    """Names under which the service may be called."""
    secure: bool = False
    """Whether browsers reach it by TLS, its own or a proxy's."""
    runs_at_once: _AT_ONCE = 1
    queue: _MANY = 50
    """Runs that may wait."""
    scene_bytes: _Bytes = 4 * 10**9
    """Of a file, and of the cube that its header promises."""
    total_bytes: _Bytes = 50 * 10**9
    """Of all uploaded scenes."""
    min_free_bytes: _Bytes = 2 * 10**9
    """Free disk below which nothing starts and nothing is uploaded."""
    requests_per_minute: _MANY = 1200
    """Of a user."""
    streams: _MANY = 1000
    """Clients that follow runs at a time."""
    stop_grace_s: Annotated[float, Field(gt=0, le=86400)] = 600.0
    """Seconds that a stopped run has to write what it found, before it is killed."""
    job: tuple[str, ...] = (sys.executable, "-m", "hsiauto.cli.job")
    """What runs a command and leaves its exit code in a file: called with the file and the command's arguments."""

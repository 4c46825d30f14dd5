"""Memory that is left to this process; what would take more is refused before a byte of it is read."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import psutil

from hsiauto.errors import UserError

CUT = (
    "Give a part of the scene (gdal_translate -srcwin, -b), or a format that stays on disk: .npy or uncompressed ENVI."
)
SMALLER = "Give a part of the scene (gdal_translate -srcwin, -b), or leave bands out with `drop_bands`."
_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def require(n_bytes: int, what: str, remedy: str = CUT) -> None:
    """Raise UserError if `what`, which takes `n_bytes` at its peak, does not fit into the memory that is left."""
    if n_bytes > (left := available()):
        received = f"{n_bytes / 1e9:,.2f} GB, with {max(left, 0) / 1e9:,.2f} GB available"
        raise UserError(f"{what} must fit into memory", received, remedy)


@contextlib.contextmanager
def mapping(path: Path) -> Iterator[None]:
    """Say of a file that cannot be mapped for lack of address space (`ulimit -v`) that it is memory that lacks."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"no room to map {path}") from error


@contextlib.contextmanager
def within_memory(what: str) -> Iterator[None]:
    """Turn a MemoryError of the block, or of the function that this decorates, into a UserError."""
    try:
        yield
    except MemoryError as error:
        raise UserError(f"{what} must fit into memory", str(error) or "too little of it", CUT) from error


def available() -> int:
    """Bytes that the machine, the control groups and the limits of this process leave."""
    left = [psutil.virtual_memory().available, *_left_to_groups()]
    if hasattr(psutil, "RLIMIT_AS"):  # Linux; `ulimit -v` of a batch system
        process = psutil.Process()
        if (limit := process.rlimit(psutil.RLIMIT_AS)[0]) != psutil.RLIM_INFINITY:
            left.append(limit - process.memory_info().vms)
    return int(min(left))


def _left_to_groups() -> Iterator[int]:
    """What each control group that this process is in has left, files in its cache aside; none outside Linux."""
    try:
        groups = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, name = line.split(":", 2)
        if controllers == "":
            root, names = _GROUPS, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root, names = _GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = root / name.lstrip("/")
        for folder in (group, *group.parents):
            try:
                limit, used = (int((folder / name).read_text()) for name in names)
                stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):  # no limit is the word max; the outer groups may be hidden
                stat = {}
            if stat:
                yield limit - used + int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))
            if folder == root:
                break

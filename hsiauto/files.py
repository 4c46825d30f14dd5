"""Files that are never left half written, and the lock of a run folder."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hsiauto.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusals to write `path` into a UserError; every other OSError passes through."""
    with _disk_space(path):
        try:
            yield
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            remedy = "Name a folder that you may write to"
            raise UserError(f"{path} must be writable", error.strerror, remedy) from error


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed and takes the name, on failure it vanishes.

    A reader sees the old file or the whole new one. The temporary keeps the suffix, by which some writers choose a
    format. Raises UserError where the disk is full or the folder cannot be written.
    """
    path = Path(path)
    with writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    temporary = Path(name)
    try:
        with _disk_space(path):  # only this: a file that the caller misses is not a refusal to write `path`
            temporary.chmod(0o666 & ~_umask())  # mkstemp gives 0600, which would hide results from colleagues
            yield temporary
            _sync(temporary)
        with writing(path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)


@contextlib.contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold `folder/lock` exclusively. The operating system releases it when the process exits.

    Raises UserError if another driver holds it.
    """
    from filelock import FileLock, Timeout  # only whoever drives a run needs it

    path = Path(folder) / "lock"
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        with writing(path):
            lock.acquire()
    except Timeout as error:
        holder = path.read_text(errors="replace").strip() or "unknown"
        raise UserError(
            f"a run folder has one driver, and {folder} is being driven",
            f"a second one (the first is process {holder})",
            "Wait until it ends, stop it, or name another folder",
        ) from error
    try:
        path.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _disk_space(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UserError(f"writing {path} needs space", "a full disk", "Free some space and run again") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

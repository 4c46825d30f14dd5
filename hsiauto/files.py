"""Files that are never left half written, the lock of a run folder, and files that somebody else wrote."""

import contextlib
import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hsiauto.errors import UserError, shown

_SHORT = 32
"""Characters of a file's name that a temporary one beside it takes over: it must not get longer than names may be."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the operating system says when a disk is full, or a quota."""
_REFUSED = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENOENT,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into a UserError; other OSErrors pass through."""
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
    format. Raises UserError if the disk is full or the folder cannot be written.
    """
    path = Path(path)
    with writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:_SHORT]}-", suffix=path.suffix, dir=path.parent)
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


LOCK = "lock"
"""The file of a run folder that its driver holds."""


@contextlib.contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold `folder/lock` exclusively. The operating system releases it when the process exits.

    Raises UserError if another driver holds it.
    """
    from filelock import FileLock, Timeout  # only whoever drives a run needs it

    path = Path(folder) / LOCK
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
        with writing(path):
            path.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def regular_file(path: Path) -> Path:
    """`path`, if it is a file that can be read to its end: a pipe or a device may keep a reader for ever.

    Raises UserError for anything else, for what is missing, and for what may not be read.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        why = "" if kind == stat.S_IFREG else _KINDS.get(kind, "a device")
        if not why and not os.access(path, os.R_OK):
            why = os.strerror(errno.EACCES)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        why = (isinstance(error, OSError) and error.strerror) or str(error)
    if why:
        raise UserError(f"{path} must be a file that can be read", why, "Fix the path, or the file.")
    return path


_LARGEST, _LARGEST_JSON, _DEEPEST = 2**20, 2**24, 20
"""Bytes of a YAML file, which somebody wrote, and of JSON, which we did; levels of nesting of both."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML (or JSON) file. Raises UserError for anything else; quotes little of the file."""
    with regular_file(path).open("rb") as file:
        content = file.read(_LARGEST + 1)
    try:
        return parse_yaml(content.decode(), str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} must be YAML", "bytes that are no UTF-8", "Fix the path, or the file.") from error


def parse_yaml(text: str, name: str) -> dict[str, Any]:
    """The mapping in a YAML text; `name` is what messages call it. No key stands twice, and nothing is an alias."""
    import yaml

    class Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if twice := _twice(keys):
                where = f"{twice}, in the mapping{_line(node.start_mark)}"
                raise UserError(f"{name}: a key stands once", where, "Correct the file.")
            mapping: dict[Any, Any] = super().construct_mapping(node, deep)
            return mapping

    if len(text) > _LARGEST:
        raise UserError(f"{name} must have at most {_LARGEST:,} bytes", f"{len(text):,} or more", "Fix the path.")
    try:
        depth = 0
        for event in yaml.parse(text, Loader=Strict):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST or isinstance(event, yaml.AliasEvent):
                what = "an alias" if depth <= _DEEPEST else f"more than {_DEEPEST} levels"
                raise UserError(f"{name}: plain values only", what + _line(event.start_mark), "Correct the file.")
        found = yaml.load(text, Loader=Strict)
    except UserError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none
        what = getattr(error, "problem", None) or "what cannot be read"
        where = _line(getattr(error, "problem_mark", None))
        raise UserError(f"{name}: must be YAML", what + where, "Correct the file.") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UserError(f"{name}: must hold a mapping of names to values", shown(found), "Correct the file.")
    return found


def read_json(path: Path) -> bytes:
    """The bytes of a JSON file that `check_json` lets pass, for a model to parse. Raises UserError for others."""
    with regular_file(path).open("rb") as file:
        return check_json(file.read(_LARGEST_JSON + 1), str(path))


def check_json(content: bytes, name: str) -> bytes:
    """`content`, once it is known to be strict JSON: no key twice in an object, no NaN, few levels, not too large.

    Raises UserError, in which `name` is what it is called.
    """
    if len(content) > _LARGEST_JSON:
        raise UserError(f"{name} must have at most {_LARGEST_JSON:,} bytes", "more", "Fix the path.")
    try:
        value = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        may_be_deep = content.count(b"{") + content.count(b"[") > _DEEPEST
        why = f"more than {_DEEPEST} levels" if may_be_deep and _depth(value) > _DEEPEST else ""
    except RecursionError:
        why = f"more than {_DEEPEST} levels"
    except ValueError as error:  # of JSON, of UTF-8, of a number of too many digits
        why = str(error)
    if why:
        raise UserError(f"{name}: must be strict JSON", why, "It was edited or damaged: restore it.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(_twice(key for key, _ in pairs))
    return found


def _twice(keys: Iterable[str]) -> str:
    """The first key that was there before, in words; empty: there is none."""
    before: set[str] = set()
    return next((f"{shown(key)} twice" for key in keys if key in before or before.add(key)), "")  # type: ignore[func-returns-value]


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant}, which is no number in JSON")


def _depth(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def _line(mark: Any) -> str:
    return "" if mark is None else f" in line {mark.line + 1}"


def write_yaml(path: Path, fields: Mapping[str, Any], heading: str) -> None:
    """Write a mapping of plain values, below a comment."""
    import yaml

    with atomic_path(path) as temporary:
        body = yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True, width=100)
        temporary.write_text(f"# {heading}\n{body}", encoding="utf-8")


@contextlib.contextmanager
def _disk_space(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        what = f"a full disk ({error.strerror})"  # or a quota, or a limit of the shell
        raise UserError(f"writing {path} needs space", what, "Free some space and run again") from error


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

"""Ids, and the one place where a name becomes a path."""

import os
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hsiauto.errors import UserError, shown

_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}(\.[a-z0-9]{1,8}){0,2}")


def new_id() -> str:
    """16 lower-case hexadecimal characters."""
    return secrets.token_hex(8)


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def resolve(root: Path, name: str) -> Path:
    """The path of `name`, which lies in `root` itself and is no link.

    Raises UserError for a name of other characters than ours, for a link, and if `root` is one.
    """
    if not _NAME.fullmatch(name):
        raise UserError("a name has lower-case letters, digits, underscores and a suffix", shown(name))
    path = root / name
    if root.is_symlink() or path.is_symlink():
        raise UserError("what the service keeps is no link", name)
    return path


def without(root: Path, text: str) -> str:
    """`text` without the folders of the service: users know files by the names that they gave."""
    return without_folders(root, None)(text.encode(errors="surrogateescape")).decode(errors="surrogateescape")


def without_folders(root: Path, scenes: Path | None) -> Callable[[bytes], bytes]:
    """A function that takes them out of text. scenes: a folder of the operator's, of which it takes the place."""
    folders = [re.escape(os.fsencode(root)) + rb"/(?:scenes|runs)/(?:[0-9a-z_]{1,64}/)?"]
    folders += [re.escape(os.fsencode(scenes)) + b"/"] if scenes else []
    return partial(re.compile(b"|".join(folders)).sub, b"")

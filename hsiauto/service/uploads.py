"""Files that are uploaded: streamed to a temporary file, counted, and given their name when they are whole."""

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from hsiauto.errors import UserError
from hsiauto.service.errors import Refused

_STEP = 8 * 2**20
"""Bytes after which free disk is looked at again."""


async def receive(
    chunks: AsyncIterator[bytes], path: Path, largest: int, floor: int, expected: int | None
) -> tuple[int, str]:
    """Write `chunks` to `path`; bytes and SHA-256. On failure nothing is left.

    largest: bytes that the file may have. floor: free disk that is left. expected: its Content-Length.
    Raises 413, 507, and 400 for a body that ended early.
    """
    digest, size, looked = hashlib.sha256(), 0, 0
    handle, name = tempfile.mkstemp(prefix="part-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > largest:
                    remedy = "Give a part of the scene, or delete scenes."
                    raise Refused(413, f"a file has at most {largest:,} bytes here", "more", remedy)
                if size - looked >= _STEP:
                    looked = size
                    _require_room(path.parent, floor)
                digest.update(chunk)
                await run_in_threadpool(file.write, chunk)
        if not size:
            raise UserError("a file has content", "an empty body", "Send the file as the body.")
        if expected is not None and size != expected:
            raise Refused(400, f"a body has the {expected:,} bytes of its header", f"{size:,}", "Send it again.")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return size, digest.hexdigest()


def _require_room(folder: Path, floor: int) -> None:
    found = os.statvfs(folder)
    if found.f_bavail * found.f_frsize < floor:
        raise Refused(507, "the service's disk must have room", "it is full", "Tell the operator.")

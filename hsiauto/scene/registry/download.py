"""One file over HTTP: each source in turn, resumed after a break, checked before it takes its name."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from hsiauto.files import writing
from hsiauto.scene.registry.known import RegisteredFile
from hsiauto.scene.registry.locate import sha256

Progress = Callable[[str, int, int | None], None]
"""(file name, bytes done, bytes in all or None if the server does not say)."""

TIMEOUT_S = 10.0
"""Seconds to connect, and between two packets."""
ATTEMPTS = 4
"""At one source, as long as each brings the file further."""
_CHUNK = 1 << 16
NETWORK = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
"""A server that hangs up, refuses, times out or answers nonsense: reasons to try again or elsewhere."""


class DownloadError(Exception):
    """No source gave the file; the message names each with its reason."""


class _Response(Protocol):
    status: int
    headers: http.client.HTTPMessage

    def read(self, n: int, /) -> bytes: ...


def download(file: RegisteredFile, target: Path, progress: Progress | None = None) -> None:
    """Fetch `file` to `target`; a broken transfer stays beside it as `<name>.part` and is resumed by the next call.

    Raises DownloadError if every source fails, UserError if the disk is full or refuses.
    """
    assert file.sha256 is not None
    part = target.with_name(target.name + ".part")
    reasons = []
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in file.urls:
            reason = _from_source(url, part, file, progress)
            if reason is None:
                part.replace(target)
                return
            reasons.append(f"{urllib.parse.urlsplit(url).netloc}: {reason}")
    raise DownloadError("; ".join(reasons))


def _from_source(url: str, part: Path, file: RegisteredFile, progress: Progress | None) -> str | None:
    """None once `part` is whole and right, else why this source did not make it so."""
    reason = "no attempt"
    for _ in range(ATTEMPTS):
        before = _size(part)
        try:
            whole = _transfer(url, part, file.file, progress)
        except NETWORK as error:
            whole, reason = False, why(error)
        if whole:
            received = sha256(part)
            if received == file.sha256:
                return None
            part.unlink()
            reason = f"wrong checksum, expected sha256 {file.sha256}, received {received}"
            if before == 0:
                return reason  # the source itself is wrong; a stale part would deserve a fresh start
        elif _size(part) <= before:
            return reason
        else:
            reason = f"broke off after {_size(part):,} bytes"
    return reason


def _transfer(url: str, part: Path, name: str, progress: Progress | None) -> bool:
    """Append to `part` what is missing. True if the server says that this is all."""
    done = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "hsiauto", "Accept-Encoding": "identity"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and done:
            return True  # nothing is left to send: the checksum decides
        raise
    with response:
        done = done if _continues(response, done) else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if done else "wb") as out:
            for chunk in _packets(response):
                out.write(chunk)
                done += len(chunk)
                if progress:
                    progress(name, done, total)
    return total is None or done >= total


def _packets(response: _Response) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK)
        except OSError as error:  # told apart from a disk that refuses
            raise urllib.error.URLError(error) from error
        if not chunk:
            return
        yield chunk


def _continues(response: _Response, done: int) -> bool:
    """Whether the server sends the rest rather than the whole file again."""
    return response.status == http.client.PARTIAL_CONTENT and response.headers.get("Content-Range", "").startswith(
        f"bytes {done}-"
    )


def why(error: Exception) -> str:
    """A network's error in words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) and not hasattr(error, "code") else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

"""Service: what can be asked of a service, as plain JSON, and files in both directions."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from hsiauto.errors import UserError, shown
from hsiauto.files import regular_file, writing
from hsiauto.remote.connection import PATIENCE_S, Connection

Advance = Callable[[str, int, int | None], None]
"""Told (file, bytes done, bytes in all or None)."""
Count = Callable[[int, int | None], None]
"""The same of one file."""

_CHUNK = 1 << 20
_PAGE = 200


class Service(Connection):
    """A service, as the user whose token `login` has. Every method raises Refused, Unreachable, and UserError."""

    def user(self) -> dict[str, Any]:
        """Name and role of the token's owner. Raises UserError for a service of another version."""
        found = self.get("me")
        own = metadata.version("hsiauto")
        if (version := found.get("version", own)) != own:
            rule = f"client and service are the same hsiauto, here {own}"
            raise UserError(rule, f"{shown(version)} at {self.address}", "Install the version of the service.")
        return found

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer to a question."""
        return self.json("GET", path, query=query)

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page after page."""
        page, seen, total = 0, 0, 1
        while seen < total:
            page += 1
            found = self.get(path, page=page, page_size=_PAGE, **query)
            yield from found["items"]
            seen, total = page * _PAGE, found["total"]

    def post(self, path: str, body: Any = None, *, timeout_s: float = PATIENCE_S, key: str = "") -> dict[str, Any]:
        """The answer to an order. With a `key` an order that comes twice is done once."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return self.json("POST", path, json.dumps(body or {}).encode(), headers, timeout_s=timeout_s)

    def delete(self, path: str) -> None:
        """Delete what `path` names."""
        with self.open("DELETE", path):
            pass

    def put_file(self, path: str, file: Path, advance: Advance) -> None:
        """Send a file. Raises UserError if what arrived is not what lies here."""
        size = regular_file(file).stat().st_size
        with file.open("rb") as content:
            body = _Sent(content, lambda done: advance(file.name, done, size))
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
            arrived = self.json("PUT", path, body, headers, query={"filename": file.name})
        if arrived.get("sha256") != body.sha256.hexdigest():
            raise UserError(f"{file.name} arrives as it was sent", "another sha256", "Upload it again.")

    def fetch(self, path: str, to: Path, count: Count) -> None:
        """Write what `path` names into the file `to`."""
        with self.open("GET", path) as answer, writing(to), to.open("wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                count(file.tell(), answer.length)

    @contextmanager
    def lines(self, path: str, after: str) -> Iterator[Iterator[bytes]]:
        """The lines of a stream of events that come after the event with the id `after`."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": after}
        with self.open("GET", path, headers=headers) as answer:
            yield answer.lines()


class _Sent:
    """A file as it is sent: read once, hashed and counted."""

    def __init__(self, file: IO[bytes], count: Callable[[int], None]) -> None:
        self._file, self._count = file, count
        self.sha256 = hashlib.sha256()

    def read(self, _: int) -> bytes:
        """The next piece, larger than http.client asks for."""
        piece = self._file.read(_CHUNK)
        self.sha256.update(piece)
        self._count(self._file.tell())
        return piece

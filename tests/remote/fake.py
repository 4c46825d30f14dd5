"""A stand-in for the service: says what a test has set, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "hsi_of-a-test"
RUN = "00112233445566aa"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Told:
    """An answer. `promised`: the length that its head gives; None: none, the end of the connection is its end."""

    content: bytes
    status: int = 200
    promised: int | None = None
    location: str = ""


def told(fields: Any, status: int = 200) -> Told:
    content = json.dumps(fields).encode()
    return Told(content, status, len(content))


def refused(status: int, rule: str, received: str = "", remedy: str = "") -> Told:
    return told({"error": {"rule": rule, "received": received, "remedy": remedy}}, status)


def stream(*events: tuple[str, str, bytes]) -> Told:
    """Server-sent events (event, id, data), with a heartbeat before each; the connection then ends."""
    lines = (f": heartbeat\n\nid: {n}\nevent: {kind}\ndata: {data.decode()}\n\n" for kind, n, data in events)
    return Told("".join(lines).encode())


class FakeService:
    """`says[method, path]` are the answers in their order; the last one again and again."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Asked] = []
        self.says: dict[tuple[str, str], list[Told]] = {}
        self.on("GET", "me", told({"name": "ada", "role": "runner", "version": metadata.version("hsiauto")}))

    def on(self, method: str, path: str, *answers: Told) -> None:
        self.says[method, f"/api/{path}"] = list(answers)

    def of(self, method: str, path: str) -> list[Asked]:
        """What was asked there."""
        return [one for one in self.asked if (one.method, one.path) == (method, f"/api/{path}")]

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return refused(401, "a token is known")
        answers = self.says.get((asked.method, asked.path), [refused(404, "there must be such a thing", asked.path)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def serving() -> Iterator[FakeService]:
    """A fake that listens within."""
    fake = FakeService()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            answer = fake.answer(Asked(self.command, parts.path, parse_qs(parts.query), headers, body))
            self.send_response(answer.status)
            if answer.promised is not None:
                self.send_header("Content-Length", str(answer.promised))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()

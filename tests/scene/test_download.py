"""Downloads from a server on this machine that can refuse, break off, and send something else."""

import datetime
import errno
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.files import read_yaml
from hsiauto.scene.registry import answering, catalogue, known_scenes
from hsiauto.scene.registry.download import DownloadError, download
from hsiauto.scene.registry.known import RegisteredFile

BODY = np.random.default_rng(0).bytes(300_000)


@dataclass
class Server:
    """What the server does for each path, and what it was asked."""

    port: int = 0
    refuse: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    no_range: set[str] = field(default_factory=set)
    breaks: dict[str, int] = field(default_factory=dict)
    """Path -> how many more answers break off after 100,000 bytes."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append((self.path, asked))
            if self.path in state.refuse:
                self.send_error(403)
                return
            body = b"<html>moved</html>" if self.path in state.foreign else BODY
            start = int(asked.split("=")[1].partition("-")[0]) if asked and self.path not in state.no_range else 0
            if start and start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("Content-Type", "text/html" if self.path in state.pages else "application/octet-stream")
            self.end_headers()
            if state.breaks.get(self.path, 0) > 0:
                state.breaks[self.path] -= 1
                self.wfile.write(body[start : start + 100_000])
                self.close_connection = True
                return
            self.wfile.write(body[start:])

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def _file(server: Server, *paths: str) -> RegisteredFile:
    urls = tuple(server.url(path) for path in paths)
    return RegisteredFile(file="toy.mat", sha256=hashlib.sha256(BODY).hexdigest(), urls=urls)


def test_a_whole_file_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    target = tmp_path / "new" / "toy.mat"
    download(_file(server, "/a"), target, lambda *step: seen.append(step))
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir()] == ["toy.mat"]
    assert seen[-1] == ("toy.mat", len(BODY), len(BODY))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_a_broken_transfer_is_resumed_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks["/a"] = 2
    download(_file(server, "/a"), tmp_path / "toy.mat")
    assert (tmp_path / "toy.mat").read_bytes() == BODY
    assert server.asked == [("/a", None), ("/a", "bytes=100000-"), ("/a", "bytes=200000-")]


def test_what_one_source_began_the_next_one_and_the_next_call_finish(server: Server, tmp_path: Path) -> None:
    server.breaks["/a"] = 1
    server.no_range.add("/a")
    (tmp_path / "toy.mat.part").write_bytes(BODY[:250_000])
    server.refuse.add("/z")
    download(_file(server, "/z", "/b"), tmp_path / "toy.mat")
    assert server.asked == [("/z", "bytes=250000-"), ("/b", "bytes=250000-")]
    assert (tmp_path / "toy.mat").read_bytes() == BODY


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.no_range.add("/a")
    (tmp_path / "toy.mat.part").write_bytes(BODY[:250_000])
    download(_file(server, "/a"), tmp_path / "toy.mat")
    assert (tmp_path / "toy.mat").read_bytes() == BODY


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * len(BODY), BODY + b"more"])
def test_a_stale_part_is_thrown_away(server: Server, tmp_path: Path, stale: bytes) -> None:
    (tmp_path / "toy.mat.part").write_bytes(stale)
    download(_file(server, "/a"), tmp_path / "toy.mat")
    assert (tmp_path / "toy.mat").read_bytes() == BODY


def test_a_refusal_and_a_wrong_file_lead_to_the_next_source(server: Server, tmp_path: Path) -> None:
    server.refuse.add("/a")
    server.foreign.add("/b")
    download(_file(server, "/a", "/b", "/c"), tmp_path / "toy.mat")
    assert [path for path, _ in server.asked] == ["/a", "/b", "/c"]
    assert (tmp_path / "toy.mat").read_bytes() == BODY


def test_when_all_fail_each_reason_is_named_and_nothing_wrong_stays(server: Server, tmp_path: Path) -> None:
    server.refuse.add("/a")
    server.foreign.add("/b")
    with pytest.raises(DownloadError, match=r"403.*wrong checksum, expected sha256 \w+, received"):
        download(_file(server, "/a", "/b"), tmp_path / "toy.mat")
    assert list(tmp_path.iterdir()) == []


def test_no_endless_attempts_at_a_source_that_always_breaks(server: Server, tmp_path: Path) -> None:
    server.breaks["/a"] = 99
    server.no_range.add("/a")
    with pytest.raises(DownloadError, match="broke off after 100,000 bytes"):
        download(_file(server, "/a"), tmp_path / "toy.mat")
    assert len(server.asked) == 2
    assert (tmp_path / "toy.mat.part").stat().st_size == 100_000


def test_a_scene_that_no_source_gives_says_what_to_put_where(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refuse.add("/a")
    real = known_scenes()["salinas"]
    assert real.labels is not None
    offline = real.model_copy(update={"labels": real.labels.model_copy(update={"urls": (server.url("/a"),)})})
    monkeypatch.setattr(catalogue, "known_scenes", lambda: {"salinas": offline})
    with pytest.raises(UserError, match=r"403.*Salinas_corrected\.mat \(sha256 5ec1c0d2.*Salinas_gt\.mat"):
        catalogue.fetch("salinas", tmp_path)


def test_what_is_simulated_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="built in"):
        catalogue.fetch("demo", tmp_path)


def test_a_full_disk_stops_the_download_with_what_to_do(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hsiauto.scene.registry.download.sha256", full)
    with pytest.raises(UserError, match="full disk"):
        download(_file(server, "/a", "/b"), tmp_path / "toy.mat")
    assert [path for path, _ in server.asked] == ["/a"]
    assert not (tmp_path / "toy.mat").exists()


def test_a_source_answers_if_a_file_comes_and_no_page(server: Server) -> None:
    server.refuse, server.pages = {"/refused"}, {"/page"}
    assert answering.why_silent(server.url("/file")) == ""
    assert server.asked[-1] == ("/file", "bytes=0-0")
    assert answering.why_silent(server.url("/refused")) == "HTTP Error 403: Forbidden"
    assert answering.why_silent(server.url("/page")) == "a page, no file"
    assert "refused" in answering.why_silent("http://127.0.0.1:9/nobody")


def test_the_list_tells_which_sources_answered_and_when(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = known_scenes()["salinas"]
    assert scene.cube is not None
    monkeypatch.setattr(answering, "last", lambda: None)
    assert answering.told(scene) == f"{len(scene.cube.urls)}, not checked"
    answers = answering.Answers(checked=datetime.date(2026, 11, 28), answered=scene.cube.urls[1:], silent={})
    answering.record(answers, tmp_path / "sources.yaml")
    read = answering.Answers.model_validate(read_yaml(tmp_path / "sources.yaml"))
    assert read == answers
    monkeypatch.setattr(answering, "last", lambda: read)
    assert answering.told(scene) == "2 of 3 answered 2026-11-28"
    assert answering.told(known_scenes()["demo"]) == answering.told(known_scenes()["houston_2013"]) == ""

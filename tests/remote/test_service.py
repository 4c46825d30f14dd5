"""What comes instead of an answer is one line that says what to do; a token goes to the service alone."""

import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.remote import Login, Refused, Service, Unreachable
from tests.remote.fake import TOKEN, FakeService, Told, refused, serving, told


def test_the_token_stands_in_each_request(service: Service, fake: FakeService) -> None:
    assert service.user()["name"] == "ada"
    assert fake.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_wrong_token_asks_for_a_login(fake: FakeService) -> None:
    with pytest.raises(
        Refused, match=f"knows your token; received one that .* does not know.*hsiauto remote login {fake.address}"
    ):
        Service(Login(fake.address, "another")).user()


def test_another_version_is_refused(service: Service, fake: FakeService) -> None:
    fake.on("GET", "me", told({"name": "ada", "role": "runner", "version": "99.0"}))
    with pytest.raises(UserError, match=r"same hsiauto.*99\.0.*Install"):
        service.user()


def test_a_refusal_is_the_services_own_sentence(service: Service, fake: FakeService) -> None:
    fake.on("POST", "runs", refused(422, "`budget` is at least 1", "0", "Raise it."))
    with pytest.raises(Refused, match=r"`budget` is at least 1; received 0\. Raise it\."):
        service.post("runs")


@pytest.mark.parametrize(
    "answer",
    [
        Told(b"<html>It works!</html>", promised=22),
        Told(b"<html>nothing here</html>", 404, 25),
        Told(b"[1]", promised=3),
        Told(b'{"error": "none"}', 500, 17),
    ],
    ids=["page", "404", "list", "500"],
)
def test_another_server_is_no_service(service: Service, fake: FakeService, answer: Told) -> None:
    fake.on("GET", "me", answer)
    with pytest.raises(UserError, match=r"an hsiauto service answers there.*Check the address"):
        service.user()


def test_no_redirect_is_followed(service: Service, fake: FakeService) -> None:
    with serving() as elsewhere:
        fake.on("GET", "me", Told(b"", 302, 0, location=f"{elsewhere.address}/api/me"))
        with pytest.raises(UserError, match="302"):
            service.user()
        assert elsewhere.asked == []


def test_nobody_there_may_be_somebody_later() -> None:
    with serving() as gone:
        address = gone.address
    with pytest.raises(Unreachable, match=f"{address}.*refused"):
        Service(Login(address, TOKEN)).user()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_again_later(service: Service, fake: FakeService, status: int) -> None:
    fake.on("GET", "me", Told(b"", status, 0))
    with pytest.raises(Unreachable, match=str(status)):
        service.user()


def test_a_full_service_says_of_what(service: Service, fake: FakeService) -> None:
    fake.on("POST", "runs", refused(429, "at most 50 runs wait", "one more", "Try again later."))
    with pytest.raises(Unreachable, match="at most 50 runs wait"):
        service.post("runs")


def test_an_answer_that_breaks_off_is_no_answer(service: Service, fake: FakeService, tmp_path: Path) -> None:
    fake.on("GET", "me", Told(b'{"name": ', promised=100))
    with pytest.raises(Unreachable):
        service.user()
    fake.on("GET", "file", Told(b"half", promised=8))
    with pytest.raises(Unreachable):
        service.fetch("file", tmp_path / "file", lambda done, total: None)


def test_a_list_is_read_page_by_page(service: Service, fake: FakeService) -> None:
    pages = [{"items": [{"n": n} for n in range(first, last)], "total": 201} for first, last in ((0, 200), (200, 201))]
    fake.on("GET", "runs", *map(told, pages))
    assert [one["n"] for one in service.items("runs", sort="-created")] == list(range(201))
    assert [one.query["page"] for one in fake.of("GET", "runs")] == [["1"], ["2"]]


def test_a_file_arrives_whole_or_not_at_all(service: Service, fake: FakeService, tmp_path: Path) -> None:
    (file := tmp_path / "a cube.npy").write_bytes(bytes(3 << 20))
    seen: list[tuple[str, int, int | None]] = []
    fake.on("PUT", "cube", told({"bytes": 3 << 20, "sha256": "of another"}))
    with pytest.raises(UserError, match="another sha256"):
        service.put_file("cube", file, lambda *done: seen.append(done))
    (asked,) = fake.asked
    assert (len(asked.body), asked.query) == (3 << 20, {"filename": ["a cube.npy"]})
    assert seen[-1] == ("a cube.npy", 3 << 20, 3 << 20)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_must_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made.split(), *names], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"name": "ada"}')

        def log_message(self, format: str, *args: object) -> None: ...

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        login = Login(f"https://localhost:{server.server_port}", TOKEN)
        with pytest.raises(UserError, match=r"certificate that this machine trusts.*SSL_CERT_FILE"):
            Service(login).user()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert Service(login).user() == {"name": "ada"}
        server.shutdown()

"""`hsiauto serve` and its tokens, as a process and as a command."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hsiauto.cli.app import call
from hsiauto.errors import UserError


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_it_prints_a_link_that_logs_in_and_ends_in_order(tmp_path: Path) -> None:
    root = tmp_path / "root"
    command = [sys.executable, "-m", "hsiauto", "serve", "--root", str(root), "--port", "0"]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert service.stdout is not None
    try:
        found = re.search(r"http://localhost:\d+/login\?code=\S+", service.stdout.readline())
        assert found is not None
        ask = urllib.request.build_opener(_Stays).open
        with pytest.raises(urllib.error.HTTPError) as moved:
            ask(found[0])
        assert (moved.value.code, moved.value.headers["Location"]) == (303, "/")
        with pytest.raises(urllib.error.HTTPError) as late:
            ask(found[0])
        assert late.value.code == 401
        with pytest.raises(UserError, match="one service"):
            call(["serve", "--root", str(root), "--port", "0"])
        os.kill(service.pid, signal.SIGTERM)
        assert service.wait(30) == 0
        assert "the next start finds them" in service.stdout.read()
    finally:
        service.kill()
        service.wait()


def test_tokens_are_added_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path / "root")]
    call(["serve", "token", "add", "ann", "--role", "viewer", *root])
    assert capsys.readouterr().out.startswith("hsi_")
    call(["serve", "token", "list", *root])
    listed = capsys.readouterr().out
    assert "ann" in listed
    assert "viewer" in listed
    assert "hsi_" not in listed
    call(["serve", "token", "revoke", "ann", *root])
    call(["serve", "token", "list", "--json", *root])
    assert "ann" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "TLS"),
        (["--host", "0.0.0.0", "--behind-proxy"], "name"),
        (["--host", "::", "--allowed-host", "a"], "TLS"),
        (["--tls-cert", "a.pem"], "--tls-key"),
        (["--tls-cert", "none.pem", "--tls-key", "none.key"], "certificate"),
        (["--runs-at-once", "0"], "runs-at-once"),
        (["--min-free", "lots"], "number"),
        (["--port", "70000"], "port"),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path: Path, options: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        call(["serve", "--root", str(tmp_path / "root"), *options])

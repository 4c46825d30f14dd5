"""Tokens: who may read them, whom they are sent to, which one is meant."""

from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.remote import Login, read_login, save_login, service_address


def test_the_file_is_its_users_alone(own_settings: Path) -> None:
    path = save_login(Login("https://one.example.org", "first"))
    assert path.parent == own_settings / "hsiauto"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    path.chmod(0o640)
    with pytest.raises(UserError, match="chmod 600"):
        read_login()


def test_the_latest_login_is_meant_unless_another_is_named() -> None:
    one, other = Login("https://one.example.org", "first"), Login("https://other.example.org", "second")
    for login in (one, other):
        save_login(login)
    assert (read_login(), read_login("https://ONE.example.org/")) == (other, one)
    save_login(again := Login(one.address, "third"))
    assert (read_login(), read_login(other.address)) == (again, other)


def test_without_a_login_its_command_is_named() -> None:
    with pytest.raises(UserError, match="hsiauto remote login ADDRESS"):
        read_login()
    with pytest.raises(UserError, match=r"hsiauto remote login https://one\.example\.org"):
        read_login("https://one.example.org")


def test_a_damaged_file_is_one_line(own_settings: Path) -> None:
    path = save_login(Login("https://one.example.org", "secret"))
    path.write_text('{"tokens": {"a": 1}}')
    with pytest.raises(UserError, match="log in again") as told:
        read_login()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://HSI.example.org/", "https://hsi.example.org"),
        ("https://example.org:8443/hsi/", "https://example.org:8443/hsi"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("http://localhost:8765", "http://localhost:8765"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    assert service_address(text) == address


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://hsi.example.org", "ssh -L"),
        ("http://127.0.0.1.example.org", "ssh -L"),
        ("http://localhost@example.org", "https://HOST:PORT"),
        ("https://ada:secret@example.org", "https://HOST:PORT"),
        ("example.org:8765", "https://HOST:PORT"),
        ("https://example.org/?token=x", "https://HOST:PORT"),
        ("https://example.org:port", "has an address"),
        ("file:///etc/passwd", "https://HOST:PORT"),
    ],
)
def test_a_token_is_sent_to_nobody_who_could_be_overheard(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        service_address(text)

"""A service that a test sets, and whoever is logged in there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hsiauto.remote import Login, Service, save_login
from tests.remote.fake import TOKEN, FakeService, serving


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for settings that is nobody's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings"


@pytest.fixture
def fake() -> Iterator[FakeService]:
    with serving() as fake:
        yield fake


@pytest.fixture
def service(fake: FakeService, own_settings: Path) -> Service:
    login = Login(fake.address, TOKEN)
    save_login(login)
    return Service(login)

"""Tokens, logins and sessions."""

import stat
from collections.abc import Callable
from importlib import metadata

import pytest

from hsiauto.errors import UserError
from hsiauto.service import users as module
from hsiauto.service.access import COOKIE
from hsiauto.service.users import ADMIN
from tests.service.conftest import House

SAME = {"Sec-Fetch-Site": "same-origin"}


def test_a_link_logs_in_once_and_for_a_minute(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.service.users.first(house.service.config.root / "token")
    code = house.service.users.link_code(ADMIN)
    house.client.follow_redirects = False
    first = house.client.get("/login", params={"code": code})
    assert (first.status_code, first.headers["location"]) == (303, "/")
    kept = first.headers["set-cookie"]
    assert all(word in kept for word in (f"{COOKIE}=", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age"))
    assert "Secure" not in kept
    own = {"name": ADMIN, "role": "admin", "version": metadata.version("hsiauto")}
    assert house.client.get("/api/me").json() == own
    house.client.cookies.clear()
    assert house.client.get("/login", params={"code": code}).status_code == 401
    late = house.service.users.link_code(ADMIN)
    clock = module.time.monotonic() + 61
    monkeypatch.setattr(module.time, "monotonic", lambda: clock)
    assert house.client.get("/login", params={"code": late}).status_code == 401


def test_behind_tls_the_cookie_is_secure(started: Callable[..., House]) -> None:
    house = started(secure=True)
    house.as_("ann")
    form = {"content": f"token={house.tokens['ann']}", "headers": SAME}
    answer = house.client.post("/login", **form, follow_redirects=False)
    assert (answer.status_code, "Secure" in answer.headers["set-cookie"]) == (303, True)


def test_a_session_ends_with_its_logout_and_with_its_token(house: House) -> None:
    ann = house.service.users.of_token(house.as_("ann")["Authorization"].split()[1])
    assert ann is not None
    first, second = (house.service.users.open_session(ann) for _ in range(2))
    headers = {"Cookie": f"{COOKIE}={first}", **SAME}
    assert house.client.post("/logout", headers=headers, follow_redirects=False).status_code == 303
    assert house.client.get("/api/me", headers=headers).status_code == 401
    headers = {"Cookie": f"{COOKIE}={second}", **SAME}
    assert house.client.get("/api/me", headers=headers).status_code == 200
    house.service.users.revoke("ann")
    assert house.client.get("/api/me", headers=headers).status_code == 401
    assert house.client.get("/api/me", headers=house.as_("ann")).status_code == 401


def test_the_administrators_token_is_the_owners_alone(house: House) -> None:
    path = house.service.config.root / "token"
    token = house.service.users.first(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert house.service.users.first(path) == token
    house.service.users.revoke(ADMIN)
    assert house.service.users.of_token(house.service.users.first(path)) is not None
    assert house.service.users.of_token(token) is None
    assert token.encode() not in (house.service.config.root / "service.db").read_bytes()


@pytest.mark.parametrize("name", ["", "a b", "../x", "a" * 41, "ä"])
def test_a_name_is_plain(house: House, name: str) -> None:
    with pytest.raises(UserError, match="letters"):
        house.service.users.add(name, "viewer")


def test_one_user_has_one_token_and_a_role_of_ours(house: House) -> None:
    house.service.users.add("ann", "viewer")
    with pytest.raises(UserError, match="one token"):
        house.service.users.add("ann", "viewer")
    with pytest.raises(UserError, match="Did you mean runner"):
        house.service.users.add("bob", "runer")
    with pytest.raises(UserError, match="Did you mean ann"):
        house.service.users.revoke("an")

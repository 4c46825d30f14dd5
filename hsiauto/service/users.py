"""Users: named tokens with a role, sessions of browsers, links that log in once."""

import hashlib
import os
import re
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.service.database import Database, Row
from hsiauto.service.names import now

Role = Literal["viewer", "runner", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""
ADMIN = "admin"
"""The first user, whose token lies in the service's folder."""
LINK_S, SESSION_S = 60.0, 7 * 86400.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)

    def owns(self, row: Row) -> bool:
        """Whether a scene or a run is this user's to change."""
        return row["owner"] == self.name or self.role == "admin"

    def sees(self, row: Row) -> bool:
        return self.owns(row) or bool(row["shared"])


class Users:
    """Tokens are 256 random bits and are kept as their SHA-256 alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._links: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, role: str) -> str:
        """A new user's token, which is told once. Raises UserError for a name that is taken or no name."""
        if not _NAME.fullmatch(name):
            rule = "a user's name has 1 to 40 letters, digits, dots, dashes and underscores"
            raise UserError(rule, shown(name), "Choose another.")
        if role not in ROLES:
            raise UserError(f"a role is {', '.join(ROLES)}", shown(role), did_you_mean(role, ROLES))
        token = f"hsi_{secrets.token_urlsafe(32)}"
        try:
            fields = {"name": name, "role": role, "token_hash": _hash(token), "created": now()}
            self._database.insert("user", fields)
        except sqlite3.IntegrityError as error:
            raise UserError("a name has one token", name, "Revoke it first, or choose another name.") from error
        return token

    def list(self) -> list[Row]:
        """Name, role and date of each, no token."""
        return self._database.rows("SELECT name, role, created FROM user ORDER BY name")

    def revoke(self, name: str) -> None:
        """End a user's token and sessions at once; what is theirs stays. Raises UserError for a name without one."""
        if not self._database.run("DELETE FROM user WHERE name = ?", (name,)):
            known = [row["name"] for row in self.list()]
            raise UserError("there must be a token of that name", shown(name), did_you_mean(name, known))

    def first(self, path: Path) -> str:
        """The admin's token in `path` (0600), which is made with the first start, and anew if it no longer holds."""
        if path.is_file() and self.of_token(token := path.read_text().strip()):
            return token
        path.unlink(missing_ok=True)
        self._database.run("DELETE FROM user WHERE name = ?", (ADMIN,))
        token = self.add(ADMIN, "admin")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{token}\n")
        return token

    def named(self, name: str) -> User | None:
        return self._user("SELECT name, role FROM user WHERE name = ?", (name,))

    def of_token(self, token: str) -> User | None:
        return self._user("SELECT name, role FROM user WHERE token_hash = ?", (_hash(token),))

    def of_session(self, cookie: str) -> User | None:
        asked = "SELECT name, role FROM session JOIN user ON user.name = session.user WHERE hash = ? AND expires > ?"
        return self._user(asked, (_hash(cookie), time.time()))

    def open_session(self, user: User) -> str:
        """The value of a new cookie."""
        self._database.run("DELETE FROM session WHERE expires <= ?", (time.time(),))
        cookie = secrets.token_urlsafe(32)
        fields = {"hash": _hash(cookie), "user": user.name, "expires": time.time() + SESSION_S}
        self._database.insert("session", fields)
        return cookie

    def close_session(self, cookie: str) -> None:
        self._database.run("DELETE FROM session WHERE hash = ?", (_hash(cookie),))

    def link_code(self, name: str) -> str:
        """A code that logs `name` in once, within a minute."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._links[_hash(code)] = (name, time.monotonic() + LINK_S)
        return code

    def of_code(self, code: str) -> User | None:
        """The user of a code, which is worth nothing from now on."""
        with self._lock:
            name, until = self._links.pop(_hash(code), ("", 0.0))
        if time.monotonic() > until:
            return None
        return self.named(name)

    def _user(self, statement: str, values: tuple[object, ...]) -> User | None:
        row = self._database.row(statement, values)
        return None if row is None else User(row["name"], row["role"])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()

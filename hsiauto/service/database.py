"""service.db: an index of users, scenes and runs. What became of a run stands in its folder."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hsiauto.errors import UserError
from hsiauto.files import check_json

Row = dict[str, Any]

_MIGRATIONS = (
    """
    CREATE TABLE user (
        name TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('viewer', 'runner', 'admin')),
        token_hash TEXT NOT NULL UNIQUE, created TEXT NOT NULL
    ) STRICT;
    CREATE TABLE session (
        hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE, expires REAL NOT NULL
    ) STRICT;
    CREATE TABLE scene (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, owner TEXT NOT NULL, shared INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN ('uploading', 'ready')), created TEXT NOT NULL,
        options TEXT NOT NULL, files TEXT NOT NULL DEFAULT '{}'
    ) STRICT;
    CREATE TABLE run (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('search', 'predict')), name TEXT NOT NULL,
        owner TEXT NOT NULL, shared INTEGER NOT NULL DEFAULT 0, scene TEXT NOT NULL, config TEXT NOT NULL,
        command TEXT NOT NULL, arguments TEXT NOT NULL, further TEXT NOT NULL DEFAULT '[]',
        state TEXT NOT NULL DEFAULT 'queued' CHECK (
            state IN ('queued', 'running', 'stopping', 'succeeded', 'stopped', 'failed', 'lost')),
        reason TEXT NOT NULL DEFAULT '', losses INTEGER NOT NULL DEFAULT 0,
        created TEXT NOT NULL, queued TEXT NOT NULL, started TEXT, ended TEXT, stop_asked REAL,
        pid INTEGER, pid_started REAL, key TEXT, key_hash TEXT, UNIQUE (owner, key)
    ) STRICT;
    CREATE INDEX run_state ON run (state);
    """,
)
"""One script a version of the schema; `user_version` counts those that a file has had."""


class Database:
    """One connection for all threads; each statement is a transaction of its own unless it stands in `transaction`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError if a newer hsiauto wrote it, or it is none of ours."""
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        path.chmod(0o600)
        self._connection.row_factory = sqlite3.Row
        try:
            self._migrate(path)
        except sqlite3.DatabaseError as error:
            self.close()
            raise UserError("a service's folder holds its own service.db", f"{path}: {error}", "Restore it.") from error

    def _migrate(self, path: Path) -> None:
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = NORMAL"):
            self._connection.execute(f"PRAGMA {pragma}")
        with self.transaction():
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version > len(_MIGRATIONS):
                rule = f"this version of hsiauto reads service.db of version {len(_MIGRATIONS)}"
                raise UserError(rule, f"version {version} in {path}", "Update hsiauto.")
            for script in _MIGRATIONS[version:]:
                for statement in script.split(";"):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements within, of this thread, or none of them; other threads and processes wait."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, values: Iterable[Any] = ()) -> list[Row]:
        with self._lock:
            return [dict(row) for row in self._connection.execute(statement, tuple(values))]

    def row(self, statement: str, values: Iterable[Any] = ()) -> Row | None:
        """The first row; None: there is none."""
        return next(iter(self.rows(statement, values)), None)

    def run(self, statement: str, values: Iterable[Any] = ()) -> int:
        """How many rows the statement changed."""
        with self._lock:
            return self._connection.execute(statement, tuple(values)).rowcount

    def insert(self, table: str, fields: Row) -> None:
        """`table` and the names of `fields` are ours; sqlite3.IntegrityError tells of a row that stands already."""
        names, marks = ", ".join(fields), ", ".join("?" * len(fields))
        self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", fields.values())

    def update(self, table: str, name: str, /, **fields: Any) -> None:
        """Change fields of the row with the id `name`."""
        assignments = ", ".join(f"{field} = ?" for field in fields)
        self.run(f"UPDATE {table} SET {assignments} WHERE id = ?", (*fields.values(), name))

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def unpacked(text: str) -> Any:
    """The value of a column that holds JSON."""
    return json.loads(check_json(text.encode(), "a column of service.db"))

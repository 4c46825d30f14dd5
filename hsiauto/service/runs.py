"""Runs: the table of what was asked for, and the folders of what came of it."""

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hsiauto.config import declared, flat
from hsiauto.errors import UserError
from hsiauto.files import write_yaml
from hsiauto.runs import folder as folders
from hsiauto.service.config import ServiceConfig
from hsiauto.service.database import Database, Row, unpacked
from hsiauto.service.errors import Refused, not_found
from hsiauto.service.limits import require_disk
from hsiauto.service.names import new_id, now, resolve
from hsiauto.service.requests import checked, command_line, search_config
from hsiauto.service.scenes import StoredScene
from hsiauto.service.users import User

ENDED = ("succeeded", "stopped", "failed")
WAITING = ("queued", "lost")
STATES = (*WAITING, "running", "stopping", *ENDED)
SORTED = ("created", "started", "ended", "name", "state")
_FOLDER = "runs"
_WAITING, _ENDED = (", ".join(f"'{state}'" for state in states) for states in (WAITING, ENDED))


class Runs:
    """The table of runs and the folder `runs/`."""

    def __init__(self, config: ServiceConfig, database: Database) -> None:
        self._config, self._database, self._root = config, database, config.root / _FOLDER
        self._root.mkdir(mode=0o700, exist_ok=True)

    def find(self, name: str, user: User, *, to_change: bool = False) -> Row:
        """Raises 404 for what there is not, what `user` does not see, and `to_change` for what is not theirs."""
        row = self.get(name)
        if row is None or not (user.owns(row) if to_change else user.sees(row)):
            raise not_found("run", name)
        return row

    def get(self, name: str) -> Row | None:
        return self._database.row("SELECT * FROM run WHERE id = ?", (name,))

    def list(self, user: User, filters: Mapping[str, str], sort: str, page: int, size: int) -> tuple[list[Row], int]:
        """A page of the runs that `user` sees, and how many there are. Raises UserError for no order of ours."""
        order = sort.removeprefix("-")
        if order not in SORTED:
            raise UserError(f"runs are sorted by {', '.join(SORTED)}", sort, "A minus before it turns the order.")
        where = ["(owner = ? OR shared OR ? = 'admin')", *(f"{name} = ?" for name in filters)]
        values = [user.name, user.role, *filters.values()]
        condition = " AND ".join(where)
        total = self._database.rows(f"SELECT count(*) AS n FROM run WHERE {condition}", values)[0]["n"]
        direction = "DESC" if sort.startswith("-") else "ASC"
        asked = f"SELECT * FROM run WHERE {condition} ORDER BY {order} {direction}, id LIMIT ? OFFSET ?"
        return self._database.rows(asked, [*values, size, (page - 1) * size]), total

    def search(
        self, user: User, scene: StoredScene, name: str | None, asked: Mapping[str, Any], key: str | None
    ) -> tuple[Row, bool]:
        """A search that waits, and whether it is new: with a `key` that this user sent before it is the run of then.

        Raises UserError for settings that a search refuses, 409 for a key of another request, 429 for a full queue,
        507 for a full disk.
        """
        asked = checked(asked, "search")
        run_config = search_config(scene.settings, asked)
        run = new_id()
        names = {role: str(file["filename"]) for role, file in scene.files.items()}
        made = {
            "kind": "search",
            "name": name or scene.name,
            "scene": scene.id,
            "config": json.dumps(asked),
            "command": command_line(run_config, scene.name, names),
            "arguments": json.dumps(["search", "--config", str(self.path(run, ".yaml")), "--out", str(self.path(run))]),
        }

        def prepare() -> None:
            write_yaml(self.path(run, ".yaml"), {"command": "search", **flat(run_config)}, "as it was asked for")

        return self._insert(user, run, made, key, prepare)

    def predict(self, user: User, parent: Row, scene: StoredScene, key: str | None) -> tuple[Row, bool]:
        """A map of `scene` by the model of a run, as `search`. Raises 409 if the run has no model."""
        bundle = self.path(parent["id"]) / folders.BUNDLE
        if not bundle.is_dir():
            raise Refused(409, "a prediction takes a run with a model", parent["name"], "Wait until the run has ended.")
        run = new_id()
        options = {name: value for name, value in scene.settings.items() if name in declared("predict")}
        words = [f"--{name}={value}" for name, value in options.items()]
        out = self.path(run) / "map.tif"
        made = {
            "kind": "predict",
            "name": f"{parent['name']} on {scene.name}",
            "scene": scene.id,
            "config": json.dumps({"run": parent["id"]}),
            "command": "hsiauto predict BUNDLE SCENE --out map.tif",
            "arguments": json.dumps(["predict", str(bundle), str(scene.settings["dataset"]), f"--out={out}", *words]),
        }
        return self._insert(user, run, made, key)

    def _insert(
        self, user: User, run: str, made: Row, key: str | None, prepare: Any = lambda: None
    ) -> tuple[Row, bool]:
        content = [made[name] for name in ("kind", "name", "scene", "config")]
        key_hash = hashlib.sha256(json.dumps(content).encode()).hexdigest()
        try:
            with self._database.transaction():
                if key is not None and (before := self._of_key(user, key)):
                    if before["key_hash"] != key_hash:
                        rule = "an Idempotency-Key belongs to one request"
                        raise Refused(409, rule, key, "Send another key with another request.")
                    return before, False
                require_disk(self._config.root, self._config.min_free_bytes)
                waiting = self._database.rows(f"SELECT count(*) AS n FROM run WHERE state IN ({_WAITING})")[0]["n"]
                if waiting >= self._config.queue:
                    raise Refused(429, f"at most {self._config.queue} runs wait", "one more", "Try again later.")
                prepare()
                stamp = now()
                own = {"id": run, "owner": user.name, "created": stamp, "queued": stamp}
                self._database.insert("run", {**made, **own, "key": key, "key_hash": key_hash})
        except sqlite3.IntegrityError as error:
            raise Refused(409, "an Idempotency-Key is sent once at a time", key, "Send it again.") from error
        return self._must(run), True

    def _of_key(self, user: User, key: str) -> Row | None:
        return self._database.row("SELECT * FROM run WHERE owner = ? AND key = ?", (user.name, key))

    def change(self, run: Row, **fields: Any) -> Row:
        self._database.update("run", run["id"], **fields)
        return self._must(run["id"])

    def stop(self, run: Row) -> Row:
        """Ask a run to end; one that waits has ended then. Raises 409 for one that has ended."""
        asked = f"UPDATE run SET state = 'stopped', reason = ?, ended = ? WHERE id = ? AND state IN ({_WAITING})"
        if not self._database.run(asked, ("stopped while it waited", now(), run["id"])):
            asked = (
                "UPDATE run SET state = 'stopping', stop_asked = ? WHERE id = ? AND state IN ('running', 'stopping')"
            )
            if not self._database.run(asked, (time.time(), run["id"])):
                raise Refused(409, "only a run that has not ended can be stopped", run["state"])
        return self._must(run["id"])

    def resume(self, run: Row, changes: Mapping[str, Any]) -> Row:
        """Let a run go on that has ended. changes: budget, time-limit. Raises 409 for one that has not, UserError."""
        if run["kind"] != "search" and changes:
            raise Refused(409, "only a search can be extended", run["kind"])
        require_disk(self._config.root, self._config.min_free_bytes)
        config = {**unpacked(run["config"]), **checked(changes, "search")}
        if changes:
            search_config({"dataset": "demo"}, config)
        before = unpacked(run["config"]).get("budget")
        if "budget" in changes and isinstance(before, int) and int(changes["budget"]) < before:
            raise UserError("a resumed run keeps or extends its `budget`", changes["budget"], "Leave it out.")
        further = [word for name, value in checked(changes, "search").items() for word in (f"--{name}", str(value))]
        asked = (
            "UPDATE run SET state = 'queued', reason = '', losses = 0, ended = NULL, stop_asked = NULL, queued = ?, "
            f"config = ?, further = ? WHERE id = ? AND state IN ({_ENDED})"
        )
        values = (now(), json.dumps(config), json.dumps(further), run["id"])
        if not self._database.run(asked, values):
            raise Refused(409, "only a run that has ended can go on", run["state"], "Wait, or stop it first.")
        return self._must(run["id"])

    def delete(self, run: Row) -> None:
        """Raises 409 for a run that has not ended."""
        if not self._database.run(f"DELETE FROM run WHERE id = ? AND state IN ({_ENDED})", (run["id"],)):
            raise Refused(409, "only a run that has ended can be deleted", run["state"], "Stop it first.")
        shutil.rmtree(self.path(run["id"]), ignore_errors=True)
        for suffix in (".yaml", ".log", ".exit"):
            self.path(run["id"], suffix).unlink(missing_ok=True)

    def path(self, name: str, suffix: str = "") -> Path:
        """The folder of a run; with a suffix, the file beside it."""
        return resolve(self._root, f"{name}{suffix}")

    def _must(self, name: str) -> Row:
        row = self.get(name)
        if row is None:
            raise not_found("run", name)
        return row

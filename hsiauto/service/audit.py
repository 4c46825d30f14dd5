"""Who did what, and what happened: audit.jsonl in the service's folder, and the log, a JSON object a line."""

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from hsiauto.service.names import now

_FIELDS = ("run", "state", "user", "route", "method", "status", "ms")
"""What a line of the log may say beside its message: no token, no path."""


class Audit:
    """The file of who did what, which is only added to."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()

    def note(self, user: str, action: str, about: str = "", **more: Any) -> None:
        """`user` has done `action` with `about`, an id or a name."""
        line = json.dumps({"at": now(), "user": user, "action": action, "about": about, **more})
        with self._lock:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(f"{line}\n")


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        line = {"at": now(), "level": record.levelname.lower(), "message": record.getMessage(), **said}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_as_json() -> None:
    """Send the log of the service and of its server to stderr, a JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_AsJson())
    for name, level in (("hsiauto.service", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)

"""Runs of a service: started, fetched, and what their end is worth as an exit code."""

import re
import secrets
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from hsiauto.config import flat, run_config_from
from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.files import atomic_path, writing
from hsiauto.remote.connection import Unreachable
from hsiauto.remote.service import Advance, Service

_TRIES = 3
_EXIT_CODES = {"succeeded": 0, "stopped": 130, "lost": 3}
_FAILED = 1
_ID = re.compile(r"[0-9a-f]{16}")
_FILE = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)+")
"""A name of an artifact, which becomes one of a file here."""
_BUNDLE, _ONNX = "bundle.zip", "model.onnx"
BOARD = "leaderboard.parquet"


def start_run(service: Service, scene: str, settings: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """Start a search on a scene of the service, with settings as they are typed or as run.yaml has them; the run."""
    read = flat(run_config_from("search", settings))
    config = to_jsonable_python({one: read.get(one, value) for one, value in settings.items()})
    body = {"scene": scene, "config": config} | ({} if name is None else {"name": name})
    key = secrets.token_hex(16)
    for _ in range(_TRIES - 1):
        try:
            return service.post("runs", body, key=key)
        except Unreachable:
            continue  # the order may have come: the key tells
    return service.post("runs", body, key=key)


def run_id(text: str) -> str:
    """`text`, if it can be the id of a run. Raises UserError."""
    if not _ID.fullmatch(text):
        raise UserError("a run has an id of 16 hexadecimal digits", shown(text), "`hsiauto remote runs` lists them.")
    return text


def exit_code(run: dict[str, Any]) -> int:
    """The exit code of an ended run: that of its process, if it had one."""
    code = run.get("exit_code")
    return code if isinstance(code, int) else _EXIT_CODES.get(str(run.get("state")), _FAILED)


def fetch_files(
    service: Service, run: Mapping[str, Any], names: Iterable[str], folder: Path, advance: Advance
) -> Iterator[Path]:
    """Download files of a run into `folder`; the path of each, once it is there.

    If none is named, all but the ONNX model, which not every winner has: `folder` is then a run folder, which `hsiauto
    show` and `hsiauto compare` open, with the bundle unpacked. Raises UserError for a name that no file of a run has,
    and for a file that is there already.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    there, wanted = run["artifacts"], list(names)
    for name in wanted or [name for name in there if name != _ONNX]:
        path = folder / name
        if not _FILE.fullmatch(name):
            raise UserError("a file of a run has a plain name", shown(name), did_you_mean(name, there))
        if path.exists():
            raise UserError(f"{path} must be new", "a file that is there", "Name another folder with `out`.")
        unpacked = None if wanted or name != _BUNDLE else folder / path.stem
        with atomic_path(path) as temporary:
            service.fetch(f"runs/{run['id']}/artifacts/{name}", temporary, partial(advance, name))
        yield path if unpacked is None else _unpacked(path, unpacked)


def _unpacked(archive: Path, to: Path) -> Path:
    """Unpack the archive of a bundle, whose files are all below the folder `to`, and delete it."""
    rule = f"{archive.name} holds files below {to.name}/"
    if to.exists():
        raise UserError(f"{to} must be new", "a folder that is there", "Name another folder with `out`.")
    try:
        with zipfile.ZipFile(archive) as content, tempfile.TemporaryDirectory(dir=to.parent) as folder, writing(to):
            for name in content.namelist():
                if not re.fullmatch(rf"{to.name}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", name):
                    raise UserError(rule, shown(name), "Ask the operator what it is.")
                content.extract(name, folder)
            (Path(folder) / to.name).rename(to)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise UserError(rule, f"no whole archive: {error}", "Download it again.") from error
    archive.unlink()
    return to

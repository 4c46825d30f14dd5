"""Paths on the command line: the home folder, names that are too long, and files that cannot be read."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from hsiauto import runs
from hsiauto.cli import inspect
from hsiauto.cli.app import make_app
from hsiauto.config import RunConfig
from tests.cli.conftest import Run
from tests.cli.test_bounds import COMMANDS


def test_every_path_of_a_command_is_read_alike() -> None:
    seen = 0
    for command in (*COMMANDS, "datasets"):
        for argument in make_app()[command].assemble_argument_collection():
            if "Path" in str(argument.hint):
                seen += 1
                assert argument.parameter.converter is not None, f"{command} {argument.names[0]}: take PathName"
    assert seen > 10


def test_the_home_folder(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []

    class _StopError(Exception): ...

    def note(*given: Any, **_: Any) -> None:
        seen.extend(one for one in given if not isinstance(one, RunConfig))
        raise _StopError

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run.yaml").write_text("budget: 3")
    for name in ("search", "resume", "predict"):
        monkeypatch.setattr(runs, name, note)
    for arguments in (
        ("search", "--out", "~/new"),
        ("search", "--out=~/new", "--config", "~/run.yaml"),
        ("search", "--resume", "~/new"),
        ("predict", "~/new", "demo", "--out", "~/new.png"),
    ):
        with pytest.raises(_StopError):
            run(*arguments)
    places = [place for place in seen if isinstance(place, Path)]
    assert places == [tmp_path / "new"] * 4 + [tmp_path / "new.png"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "--out", "{}"),
        ("search", "--resume", "{}"),
        ("search", "--config", "{}"),
        ("search", "--dataset", "{}"),
        ("search", "--dataset", "simulated:{}"),
        ("search", "--data-dir", "{}"),
        ("search", "--space", "{}"),
        ("study", "{}"),
        ("show", "{}"),
        ("leaderboard", "{}"),
        ("families", "--space", "{}"),
        ("predict", "{}", "demo", "--out", "m.png"),
        ("predict", "bundle", "demo", "--out", "{}.png"),
    ],
)
def test_a_name_that_is_too_long(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, out, error = run(*(text.format("n" * 300) for text in arguments))
    assert (code, out) == (2, "")
    assert len(error.splitlines()) == 1
    assert len(error) < 700
    assert error.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["no-data"], "nothing was made"


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "--config", "{}"),
        ("search", "--space", "{}"),
        ("search", "--dataset", "{}"),
        ("study", "{}"),
        ("families", "--space", "{}"),
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_waited_for(run: Run, tmp_path: Path, arguments: tuple[str, ...], kind: str) -> None:
    path = tmp_path / "x.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    code, _, error = run(*(text.format(path) for text in arguments))
    assert code == 2
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("readable", [True, False])
def test_the_system_refuses_a_file(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, readable: bool) -> None:
    place = tmp_path / "place"
    place.touch()

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(place))

    monkeypatch.setattr(inspect.folders, "read_journal", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: readable or mode == os.X_OK)
    code, _, error = run("show", str(tmp_path))
    verb = "write" if readable else "read"
    assert (code, error) == (2, f"error: cannot {verb} {place}: Permission denied. What was done before is kept\n")


def test_a_disk_that_fails_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(inspect.folders, "read_journal", fail)
    code, _, error = run("show", str(tmp_path))
    kept = "What was done before is kept"
    assert (code, error) == (2, f"error: cannot read or write a file: Input/output error. {kept}\n")

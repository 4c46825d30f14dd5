"""The command line, called in an empty folder; and ended before anything is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hsiauto import runs
from hsiauto.cli.app import call, main
from hsiauto.config import RunConfig

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call the command line in an empty folder -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "no-data").mkdir()
    monkeypatch.setenv("HSIAUTO_DATA", str(tmp_path / "no-data"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hsiauto", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return int(exit_.value.code or 0), captured.out, captured.err

    return call


class _StopError(Exception):
    """Before anything is trained."""


@pytest.fixture
def run_config(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`hsiauto train FAMILY ...`, or a search -> the RunConfig that it would train with."""
    seen: list[RunConfig] = []

    def note(run_config: RunConfig, *_: object, **__: object) -> None:
        seen.append(run_config)
        raise _StopError

    def parse(*arguments: str, command: str = "train", family: str = "svm") -> RunConfig:
        monkeypatch.setattr(runs, command, note)
        with pytest.raises(_StopError):
            call([command, *([family] if command == "train" and family else []), *arguments])
        return seen[-1]

    return parse

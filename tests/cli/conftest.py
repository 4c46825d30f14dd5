"""Command lines that end before anything is trained."""

from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from hsiauto.cli import run as commands
from hsiauto.cli.app import app
from hsiauto.config import StudyConfig


class _StopError(Exception):
    """Before anything is trained."""


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`hsiauto train FAMILY ...`, or a search -> the StudyConfig that it would train with."""
    seen: list[StudyConfig] = []

    def note(study: StudyConfig, *_: object, **__: object) -> None:
        seen.append(study)
        raise _StopError

    def parse(*arguments: str, command: str = "train", family: str = "svm") -> StudyConfig:
        monkeypatch.setattr(commands.studies, command, note)
        group = typer.main.get_command(app)
        assert isinstance(group, TyperGroup)
        called = group.commands[command]
        with pytest.raises(_StopError):
            called.main([*([family] if command == "train" else []), *arguments], standalone_mode=False)
        return seen[-1]

    return parse

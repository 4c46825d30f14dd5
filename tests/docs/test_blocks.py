"""Every command and every piece of Python in the documentation runs."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hsiauto.scene.model import Scene
from tests.docs import stand_ins
from tests.docs.blocks import PAGES, ROOT, Block, blocks

DEMO = "search --dataset demo --budget 16 --out runs/demo"
"""What the quick start runs; other pages start from its run folder."""
OUTSIDE = ("git ", "pip ", "source ", "cd ")
"""Commands of the shell that set up an environment: the test has one."""
NEEDS_CLUSTER = ("--address",)


class Reader:
    """Somebody who types what a page says, in a folder of the files that it names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._names: dict[str, Any] = {}

    def types(self, command: str) -> None:
        """Run one line of a console block."""
        if command.startswith(OUTSIDE):
            return
        if command.startswith("make "):
            subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, check=True, capture_output=True)
            return
        assert command.startswith("hsiauto "), command
        code = self.runs(stand_ins.arguments(command))
        expected = 2 if any(option in command for option in NEEDS_CLUSTER) else 0
        assert code == expected, f"{command}: exit code {code}"

    def runs(self, arguments: list[str]) -> int:
        """The exit code of `hsiauto` with these arguments."""
        from hsiauto.cli import main

        self._monkeypatch.setattr(sys, "argv", ["hsiauto", *arguments])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    def evaluates(self, block: Block, page: Path) -> None:
        """Run a block of Python; the blocks of one page share their names."""
        code = "\n" * block.line + stand_ins.python(block.text)
        exec(compile(code, str(page), "exec"), self._names)


@pytest.fixture(scope="module")
def demo_run(tiny_scene: Scene, tmp_path_factory: pytest.TempPathFactory, small_demo: None) -> Path:
    """The run folder of the quick start."""
    ...


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_runs(page: Path) -> None:
    ...

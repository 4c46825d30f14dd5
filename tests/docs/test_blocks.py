"""Every command, every piece of Python and every YAML file in the documentation works."""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hsiauto.cli.app import main, make_app
from hsiauto.files import parse_yaml
from hsiauto.scene.model import Scene
from hsiauto.scene.registry.known import RegisteredScene
from hsiauto.scene.simulator import simulate as simulator
from tests.docs import stand_ins
from tests.docs.blocks import PAGES, ROOT, Block, blocks

DEMO = "hsiauto search --dataset demo --budget 16 --out runs/demo"
"""The command of the quick start whose run folder other pages read."""
OF_THE_SHELL = ("git ", "pip ", "source ", "cd ")
"""Commands that set up an environment; a test has one."""
NO_CLUSTER = 2
"""The exit code of a command that joins a cluster, where none answers."""
NOBODY = "127.0.0.1:1"
"""Where `auto` looks for a cluster: not at the Ray of these tests, nor at one that somebody runs on this machine."""


class Reader:
    """Somebody who types what a page says, in a folder that has the files it names."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}

    def follow(self, page: Path) -> None:
        """Do what each block of `page` says, from top to bottom."""
        for block in blocks(page):
            if block.title.endswith((".py", ".yaml", ".toml")) and "/" not in block.title:
                Path(block.title).write_text(block.text, encoding="utf-8")
            if block.language == "python" and block.title:
                importlib.import_module(Path(block.title).stem)
            elif block.language == "python":
                code = "\n" * block.line + stand_ins.python(block.text)  # a traceback then names the line of the page
                exec(compile(code, str(page), "exec"), self._names)
            elif block.language == "toml":
                tomllib.loads(block.text)
            elif block.title.startswith("hsiauto/scene/datasets/"):
                RegisteredScene.model_validate(parse_yaml(block.text, block.title))
            for command in block.commands if block.language == "console" else ():
                self.type(command)

    def type(self, command: str) -> None:
        """Run one line of a console block."""
        if command.startswith(OF_THE_SHELL):
            return
        if command.startswith("make "):
            subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, check=True, capture_output=True)
            return
        assert command.startswith("hsiauto "), f"not a command of a known kind: {command}"
        arguments = stand_ins.arguments(command)
        if "--address" in command:
            self._find_no_cluster(arguments)
            return
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert not end.value.code, f"{command}: exit code {end.value.code}"

    def _find_no_cluster(self, arguments: list[str]) -> None:
        """Run a command that joins a cluster in a process of its own, which has no Ray yet: it says that it finds none.

        (Or, to submit, that the package for it is not installed.)
        """
        done = subprocess.run(
            [sys.executable, "-m", "hsiauto", *arguments],
            env={**os.environ, "RAY_ADDRESS": NOBODY},
            capture_output=True,
            text=True,
        )
        assert done.returncode == NO_CLUSTER, f"{arguments}: {done}"
        assert "cluster" in done.stderr


@pytest.fixture(scope="module")
def demo_run(tiny_scene: Scene, tmp_path_factory: pytest.TempPathFactory, ray_session: None) -> Path:
    """The run folder of the quick start, made once."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _settle(monkeypatch, folder, tiny_scene)
        Reader().type(DEMO)
    return folder / "runs" / "demo"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_works(
    page: Path, tiny_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    text = page.read_text(encoding="utf-8")
    if re.search(r"\bruns/demo\b(?!-)", text) and DEMO not in text:
        shutil.copytree(request.getfixturevalue("demo_run"), tmp_path / "runs" / "demo")
    request.getfixturevalue("ray_session")
    _settle(monkeypatch, tmp_path, tiny_scene)
    Reader().follow(page)


def _settle(monkeypatch: pytest.MonkeyPatch, folder: Path, scene: Scene) -> None:
    """Sit down in `folder`, which has the files that the pages name, and where the demo is `scene` too."""
    stand_ins.write_files(folder, scene)
    monkeypatch.setattr(simulator, "demo", lambda seed=0: scene)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_for_other_machines_are_commands(page: Path) -> None:
    """Those after a prompt with a name: `server$ hsiauto serve ...`. They are parsed, not run."""
    typed = re.findall(r"^\w+\$ +hsiauto (.*?)(?: +#.*)?$", page.read_text(encoding="utf-8"), re.M)
    for command in typed:
        make_app(reads_config=False).parse_args(command, exit_on_error=False, print_error=False)
    assert typed or page.name not in ("README.md", "service.md")


def test_the_blocks_are_found() -> None:
    found: list[Block] = [block for page in PAGES for block in blocks(page)]
    assert sum(len(block.commands) for block in found if block.language == "console") > 25
    assert sum(block.language == "python" for block in found) >= 4

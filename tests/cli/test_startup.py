"""What a command imports before it computes: nothing heavy, so that it answers at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hsiauto.cli import options_table
from hsiauto.runs import folder as folders
from hsiauto.search.journal import Journal
from hsiauto.search.trials import trials
from tests import told
from tests.search import fakes

HEAVY = ("torch", "ray", "sklearn", "matplotlib", "optuna", "rasterio", "tensorboardX")
COMMANDS = list(dict.fromkeys(row.command for row in options_table.rows()))


def loaded(*arguments: str) -> list[str]:
    """The heavy modules that `hsiauto ARGUMENTS` has loaded when it ends well."""
    code = (
        "import json, sys\n"
        "from hsiauto.cli.app import run\n"
        f"assert run({list(arguments)!r}) == 0\n"
        f"sys.stderr.write(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(ran.stderr.splitlines()[-1])
    return found


def test_help_is_light() -> None:
    assert loaded("--help") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_is_light(command: str) -> None:
    assert loaded(*command.split(), "--help") == []


def test_datasets_is_light() -> None:
    assert loaded("datasets") == []


def test_leaderboard_is_light() -> None:
    board = Path(__file__).parents[2] / "results" / "indian_pines_blocks.parquet"
    for more in ((), ("--all",), ("--json",)):
        assert loaded("leaderboard", str(board), *more) == []


@pytest.mark.parametrize("room", ["scene", "split", "metrics", "config", "leaderboard", "settings", "files", "cli.app"])
def test_rooms_that_need_no_torch_import_none(room: str) -> None:
    code = f"import sys, hsiauto.{room}; print([name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_show_is_light(tmp_path: Path) -> None:
    run_config = fakes.run_config(budget=2)
    with Journal(tmp_path / folders.JOURNAL) as journal:
        journal.append(told.opened(config=run_config.model_dump(mode="json")))
        fakes.run(fakes.engine(journal, run_config), run_config.max_epochs)
        (trial, *_) = trials(journal.events)
    assert loaded("show", str(tmp_path)) == []
    assert loaded("show", str(tmp_path), "--json") == []
    assert loaded("show", str(tmp_path), trial) == []

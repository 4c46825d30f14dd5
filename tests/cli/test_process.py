"""What whoever starts a command hands down: streams, variables, a folder. No Ray is needed to meet it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from tests.cli.test_startup import COMMANDS

BOARD = Path(__file__).parents[2] / "results" / "indian_pines_blocks.parquet"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

_FAKE = """
import os, sys
from pathlib import Path
from hsiauto.cli import app, main

def command(arguments):
    {0}
    return 0

app.call = command
main()
"""


def _hsiauto(*arguments: str, shell: str = "", **changes: Any) -> subprocess.CompletedProcess[str]:
    """shell: what is done to the streams before, e.g. `exec >&-`."""
    environment = {**os.environ, "COLUMNS": "200", **changes.pop("env", {})}
    prefix = ["bash", "-c", f'{shell}; exec "$@"', "bash"] if shell else []
    line = [*prefix, sys.executable, "-m", "hsiauto", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **changes}
    return subprocess.run(line, text=True, env=environment, timeout=100, check=False, **pipes)


def _fake(body: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", _FAKE.format(body)]
    return subprocess.run(
        line, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=100, check=False
    )


def test_closed_streams_end_no_command() -> None:
    assert _hsiauto("datasets", shell="exec <&- >&- 2>&-").returncode == 0


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    body = "number = os.open('file', os.O_CREAT | os.O_WRONLY); os.write(1, b'words'); os._exit(number)"
    line = ["bash", "-c", 'exec <&- >&- 2>&-; exec "$@"', "bash", sys.executable, "-c", _FAKE.format(body)]
    assert subprocess.run(line, cwd=tmp_path, check=False).returncode > 2
    assert (tmp_path / "file").read_bytes() == b""


def test_a_reader_that_has_gone_ends_no_command() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = _hsiauto("datasets", stdout=writing)
    os.close(writing)
    assert (told.returncode, told.stderr) == (0, "")


def test_a_folder_that_was_deleted_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    told = _hsiauto("datasets", shell=f"cd {tmp_path}/gone; rmdir {tmp_path}/gone")
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert "Change to another" in told.stderr


@pytest.mark.parametrize("value", ["abc", "0", "-3", "1.5"])
def test_a_number_of_threads_that_is_none_is_said_in_one_line(value: str) -> None:
    told = _hsiauto("datasets", env={"OMP_NUM_THREADS": value})
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == (
        f"error: OMP_NUM_THREADS must be a number of threads; received {value}. "
        "Unset OMP_NUM_THREADS, or set it to 1 or more.\n"
    )
    assert _hsiauto("--help", env={"OMP_NUM_THREADS": value}).returncode == 0


_NAMELESS = """
import pwd

def getpwuid(number):
    raise KeyError("uid not found")

pwd.getpwuid = getpwuid
"""


@pytest.mark.parametrize("home", ["", "/tmp"])
def test_a_user_without_a_name_needs_a_home(home: str) -> None:
    """As in `docker run --user 1234`: without one, to import ray.tune raises."""
    environment = {name: value for name, value in os.environ.items() if name not in ("USER", "LOGNAME", "HOME")}
    environment |= {"HOME": home} if home else {}
    body = "import getpass, ray.tune; getpass.getuser()"
    line = [sys.executable, "-c", _NAMELESS + _FAKE.format(body)]
    told = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=100, check=False)
    if home:
        assert (told.returncode, told.stderr) == (0, "")
    else:
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
        assert "Set HOME" in told.stderr


def test_a_place_for_temporary_files_is_asked_for_in_one_line(tmp_path: Path) -> None:
    refuse = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/none']\n"
    line = [sys.executable, "-c", refuse + _FAKE.format("pass")]
    told = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "Set TMPDIR" in told.stderr


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "garbage"])
def test_a_backend_of_matplotlib_ends_no_command(tmp_path: Path, backend: str) -> None:
    body = """from hsiauto.report.figure import figure_file
    with figure_file(Path("figure.png"), 2, 2): pass"""
    told = _fake(body, tmp_path, MPLBACKEND=backend)
    assert (told.returncode, told.stderr) == (0, "")
    assert (tmp_path / "figure.png").exists()


def test_pictures_need_no_pyplot() -> None:
    package = Path(__file__).parents[2] / "hsiauto"
    assert [path for path in package.rglob("*.py") if "import pyplot" in path.read_text()] == []


@pytest.mark.parametrize("columns", ["abc", "0", "-5", "1"])
def test_a_width_that_is_none_ends_no_command(columns: str) -> None:
    assert _hsiauto("datasets", env={"COLUMNS": columns}).returncode == 0


def test_an_ascii_console_gets_every_table() -> None:
    told = _hsiauto("leaderboard", str(BOARD), env=ASCII)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.isascii()
    assert re.search(r" \d\d\.\d\d\?\d\.\d\d ", told.stdout), "mean and deviation"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_path_that_is_not_ascii_is_read_on_an_ascii_console(tmp_path: Path) -> None:
    folder = tmp_path / "ümläut"
    folder.mkdir()
    (folder / "board.parquet").write_bytes(BOARD.read_bytes())
    assert _hsiauto("leaderboard", str(folder / "board.parquet"), env=ASCII).returncode == 0
    labels = np.repeat(np.repeat([[1, 2], [3, 4]], 10, axis=0), 10, axis=1).astype(np.uint8)
    np.save(folder / "cube.npy", np.random.default_rng(0).normal(100, 5, (20, 20, 6)) + 20 * labels[..., None])
    options = {"driver": "GTiff", "height": 20, "width": 20, "count": 1, "dtype": "uint8"}
    with rasterio.open(folder / "läbels.tif", "w", **options) as file:
        file.write(labels, 1)
    arguments = ["forest", "--dataset", str(folder / "cube.npy"), "--labels", str(folder / "läbels.tif")]
    told = _hsiauto("estimate", *arguments, "--protocol", "random", "--preset", "paper", env=ASCII)
    assert "läbels" not in told.stderr, told.stderr
    assert told.returncode == 0, told.stderr


def test_help_in_a_pipe_is_as_wide_as_a_page() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    line = [sys.executable, "-m", "hsiauto", "--help"]
    told = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    assert max(map(len, told.stdout.splitlines())) <= 100


def test_help_needs_no_docstrings() -> None:
    code = f"from hsiauto.cli.app import run; [run([*command.split(), '--help']) for command in {COMMANDS!r}]"
    plain, bare = (
        subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True).stdout
        for options in ((), ("-OO",))
    )
    assert plain == bare != ""

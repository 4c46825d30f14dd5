"""SIGTERM and SIGHUP end a command as Ctrl-C does, whatever a library has done to their handlers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hsiauto.scene.source import SceneSource
from tests.runs.test_search import source  # noqa: F401 - a fixture

_FAKE = """
import os, signal, sys, time
from hsiauto.cli import app, main
from hsiauto.cli.signals import received

def phase(arguments):
    {first}
    print("ready", flush=True)
    for _ in range(1200):
        time.sleep(0.05)
        if received() and {lost}:
            return 130

app.call = phase
main()
"""


def _started(
    first: str = "pass", lost: str = "False", before: Callable[[], object] = lambda: None
) -> subprocess.Popen[str]:
    """A command that has begun a long phase. first: what a library does there."""
    code = _FAKE.format(first=first, lost=lost)
    pipe = subprocess.PIPE
    command = subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, text=True, preexec_fn=before)
    assert command.stdout is not None
    assert command.stdout.readline() == "ready\n"
    return command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_with_its_exit_code(number: signal.Signals) -> None:
    command = _started()
    command.send_signal(number)
    assert command.communicate(timeout=20) == ("", "interrupted\n")
    assert command.returncode == 128 + number


def test_a_handler_of_a_library_never_runs() -> None:
    command = _started("signal.signal(signal.SIGTERM, lambda *_: os._exit(99))")
    command.terminate()
    assert command.wait(20) == 143


def test_threads_made_by_a_library_do_not_take_the_signal() -> None:
    command = _started("import numpy as np; np.ones((900, 900)) @ np.ones((900, 900))")
    command.terminate()
    assert command.wait(20) == 143


def test_two_signals_at_once_are_one() -> None:
    """As those of `timeout`, which ends its child and then its group."""
    command = _started("signal.signal(signal.SIGINT, lambda *_: None)", lost="time.sleep(0.5) is None")
    command.terminate()
    time.sleep(0.1)
    command.send_signal(signal.SIGHUP)
    assert command.wait(20) == 143


def test_a_signal_whose_exception_was_lost_is_known() -> None:
    command = _started("signal.signal(signal.SIGINT, lambda *_: None)", lost="True")
    command.terminate()
    assert command.wait(20) == 143


def test_a_job_in_the_background_that_ignores_ctrl_c_hears_sigterm() -> None:
    command = _started(before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    command.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert command.poll() is None
    command.terminate()
    assert command.wait(20) == 143


def test_nohup_goes_on() -> None:
    command = _started(before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    command.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert command.poll() is None
    command.terminate()
    assert command.wait(20) == 143


def test_sigterm_to_all_processes_of_a_search_leaves_its_leaderboard(source: SceneSource, tmp_path: Path) -> None:  # noqa: F811
    """As Slurm, systemd and `timeout` send it: to Ray's processes too."""
    options = ["--dataset", source.dataset, "--labels", str(source.labels), "--protocol", "random", "--space", "tiny"]
    options += ["--families", "svm", "--set", "svm.features=spectra", "--budget", "400", "--concurrency", "1"]
    arguments = [sys.executable, "-m", "hsiauto", "search", *options, "--out", "run"]
    command = subprocess.Popen(
        arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    journal, limit = tmp_path / "run" / "journal.jsonl", time.monotonic() + 120
    while not (journal.exists() and b'"ended"' in journal.read_bytes()) and time.monotonic() < limit:
        time.sleep(0.1)
    os.killpg(command.pid, signal.SIGTERM)
    told, errors = command.communicate(timeout=60)
    assert (command.returncode, errors) == (143, "")
    assert "interrupted; `hsiauto search --resume run` goes on" in told
    assert (tmp_path / "run" / "leaderboard.parquet").exists()

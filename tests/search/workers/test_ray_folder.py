"""The folder of a local Ray: who may enter it, and that nothing of it is left, however a run ends."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hsiauto.search.workers.ray_folder import ray_folder, sweep

_RUN = """
import subprocess, sys, time
from hsiauto.search.workers.ray_folder import ray_folder
with ray_folder() as folder:
    folder.mkdir()
    agent = subprocess.Popen(
        [sys.executable, "-c", f"import time; log = open('{folder}/log', 'w'); print(flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE, start_new_session=True,
    )
    agent.stdout.readline()
    print(folder, agent.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/tmp")


def test_nobody_else_may_enter_and_it_goes_with_the_run() -> None:
    with ray_folder() as folder:
        folder.mkdir(0o777)
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        assert folder.parent.stat().st_uid == os.getuid()
    assert not folder.parent.exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_what_ray_left_running_ends_with_a_killed_run(end: signal.Signals) -> None:
    """`kill -9` of a driver left two of Ray's agents for a minute, and its session folder for good."""
    run = subprocess.Popen([sys.executable, "-c", _RUN], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert run.stdout is not None
    folder, agent = run.stdout.readline().split()
    run.send_signal(end)
    run.wait(10)
    assert _within(20, lambda: not Path(folder).parent.exists())
    assert _within(1, lambda: not _runs(int(agent)))


def test_a_long_path_of_temporary_files_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The names of Unix sockets have 107 bytes."""
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with ray_folder() as folder:
        assert folder.parent.parent == Path("/tmp")
        assert len(f"{folder}/session_2026-11-28_06-29-20_017084_4194304/sockets/plasma_store") <= 107


def test_a_later_run_sweeps_what_nobody_holds_and_nothing_else(tmp_path: Path) -> None:
    names = ["hsiauto-ray-left", "hsiauto-ray-new", "other-ray-left", "hsiauto-ray-foreign"]
    for name in names:
        (tmp_path / name / "r").mkdir(parents=True)
        if not name.endswith("new"):
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / "hsiauto-ray-link").symlink_to(tmp_path / "other-ray-left")
    spared = {"hsiauto-ray-new", "other-ray-left", "hsiauto-ray-link"}
    if os.getuid() == 0:
        os.chown(tmp_path / "hsiauto-ray-foreign", 65534, 65534)
        spared.add("hsiauto-ray-foreign")
    with ray_folder() as held:
        os.utime(held.parent, (0, 0))
        sweep(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == spared
        sweep(held.parent.parent)
        assert held.parent.exists()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

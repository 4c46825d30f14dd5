import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.files import atomic_path, run_lock


def test_the_file_appears_whole_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    target.write_text("old")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".parquet"
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["table.parquet"]


def _break_off(target: Path, error: BaseException) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize(
    "error",
    [ValueError("bug"), OSError(errno.EIO, "input/output error"), FileNotFoundError(errno.ENOENT, "other file")],
)
def test_a_failure_keeps_the_old_file_and_passes_through(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "table"
    target.write_text("old")
    with pytest.raises(type(error)):
        _break_off(target, error)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table"]


def test_a_full_disk_is_the_users_to_free(tmp_path: Path) -> None:
    target = tmp_path / "table"
    with pytest.raises(UserError, match="full disk"):
        _break_off(target, OSError(errno.ENOSPC, "No space left on device"))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("none", "file"):
        with pytest.raises(UserError, match="must be writable"), atomic_path(tmp_path / folder / "table"):
            raise AssertionError("not reached")


def test_a_second_driver_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with run_lock(tmp_path), pytest.raises(UserError, match=f"process {os.getpid()}"), run_lock(tmp_path):
        raise AssertionError("not reached")
    with run_lock(tmp_path):
        pass


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from hsiauto.files import run_lock\n"
    code += "with run_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    driver = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="one driver"), run_lock(tmp_path):
            raise AssertionError("not reached")
    finally:
        driver.kill()
        driver.communicate()
    with run_lock(tmp_path):
        pass

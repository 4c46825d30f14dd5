import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.files import atomic_path, check_json, parse_yaml, read_yaml, regular_file, run_lock, write_yaml


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


def test_yaml_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    write_yaml(path, {"budget": 3, "set": {"svm.C": 1.5}, "names": ["a", "é"]}, "what it is")
    assert path.read_text(encoding="utf-8").startswith("# what it is\n")
    assert read_yaml(path) == {"budget": 3, "set": {"svm.C": 1.5}, "names": ["a", "é"]}
    assert parse_yaml("{a: [1, {b: 2}]}", "text") == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "a key stands once; received 'a' twice"),
        ("a: {b: 1, b: 2}", "'b' twice, in the mapping in line 1"),
        ("a: &x 1\nb: *x", "an alias in line 2"),
        ("[" * 500, "more than 20 levels"),
        ("a: [", "must be YAML"),
        ("a: !!python/object:os.system {}", "must be YAML"),
        ("a: 2026-13-45", "must be YAML"),
        ("- 1", "a mapping of names to values"),
        ("1: 2", "a mapping of names to values"),
        ("", "received None"),
        ("- " + "x" * 5000, "a mapping"),
    ],
)
def test_yaml_that_is_refused(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        parse_yaml(text, "f.yaml")
    assert str(refused.value).startswith("f.yaml: ")
    assert len(str(refused.value)) < 250
    assert "\n" not in str(refused.value)


def test_yaml_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a file that can be read; received No such file"):
        read_yaml(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UserError, match="no UTF-8"):
        read_yaml(tmp_path / "latin.yaml")
    (tmp_path / "large.yaml").write_text("# " + "x" * 2**20)
    with pytest.raises(UserError, match="at most"):
        read_yaml(tmp_path / "large.yaml")


def test_only_regular_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("a: 1")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_yaml(tmp_path / "link") == {"a": 1}
    os.mkfifo(tmp_path / "pipe")
    refused = {
        tmp_path / "pipe": "a pipe",
        Path("/dev/zero"): "a device",
        tmp_path: "a folder",
        tmp_path / "none": "No such file",
        tmp_path / ("n" * 300): "File name too long",
        tmp_path / "zero\0byte": "null byte",
    }
    for path, words in refused.items():
        for reader in (regular_file, read_yaml):
            with pytest.raises(UserError, match=f"must be a file that can be read; received .*{words}"):
                reader(path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="received Permission denied"):
        regular_file(tmp_path / "file")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "'a' twice"),
        (b'[{"a": {"b": 1, "b": 1}}]', "'b' twice"),
        (b"[" * 21 + b"]" * 21, "more than 20 levels"),
        (b"[" * 10**6, "more than 20 levels"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "more than 20 levels"),
        (b'{"a": NaN}', "NaN, which is no number"),
        (b'{"a": -Infinity}', "-Infinity, which is no number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": \xff}', "utf-8"),
        (b"{a: 1}", "property name"),
        (b" " * (2**24 + 1), "at most 16,777,216 bytes"),
    ],
)
def test_json_that_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        check_json(content, "f.json")
    assert str(refused.value).startswith("f.json")
    assert len(str(refused.value)) < 250


def test_strict_json_passes_as_it_is() -> None:
    content = b'{"a": [1, 2.5e300, null, {"b": {}}], "c": "NaN"}'
    assert check_json(content, "f.json") is content


def test_many_keys_are_no_work(tmp_path: Path) -> None:
    keys = [f'"k{i}": 1' for i in range(40_000)]
    text = "{" + ", ".join([*keys, keys[-1]]) + "}"
    for check in (lambda: parse_yaml(text, "f"), lambda: check_json(text.encode(), "f")):
        start = time.process_time()
        with pytest.raises(UserError, match="'k39999' twice"):
            check()
        assert time.process_time() - start < 10  # minutes, if each key is compared with all before it

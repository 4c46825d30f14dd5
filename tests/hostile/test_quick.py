"""Some hostile cases of each kind (`make hostile` runs all); and that the verdict sees what is not clean."""

import io
import json
import subprocess
import sys
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.bombs import zip_of_zeros, zlib_of_zeros
from tests.hostile.case import Case
from tests.hostile.kinds import KINDS, every_case
from tests.hostile.verdict import Ran, faults

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The results of the quick part, in a process of its own: this one may have threads, which no fork survives."""
    path = tmp_path_factory.mktemp("hostile") / "results.json"
    command = [sys.executable, "-m", "tests.hostile", "--quick", "--json", str(path)]
    told = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert path.is_file(), told.stderr[-2000:]
    found: Rows = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_each_kind_is_clean(kind: str, rows: Rows) -> None:
    found = [row for row in rows if row["kind"] == kind]
    assert len(found) >= 3
    assert [(row["case"], row["faults"], row["said"]) for row in found if row["faults"]] == []


def test_there_are_many() -> None:
    assert len(every_case()) > 2000


CASE = Case("case", ("show", "run"), words="depth", makes=("lock",))
CLEAN = Ran(2, b"", b"error: depth is at least 1; received 0. Raise it.\n", "", {"a": "1"}, {"a": "1"}, (), 0, 0, False)


def test_an_error_in_one_line_is_clean() -> None:
    assert not list(faults(CASE, CLEAN, Path()))
    assert not list(faults(CASE, replace(CLEAN, after={"a": "1", "lock": ""}), Path()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"code": 0}, "exit code 0, not 2"),
        ({"code": 70}, "not documented"),
        ({"code": -9}, "SIGKILL"),
        ({"err": b"Traceback (most recent call last):\nKeyError"}, "traceback"),
        ({"err": b""}, "no error line"),
        ({"err": CLEAN.err + b"more\n"}, "2 lines"),
        ({"err": b"error: depth is wrong\n"}, "no value or no remedy"),
        ({"err": b"error: width is at least 1; received 0. Raise it.\n"}, "nothing like 'depth'"),
        ({"err": b"error: depth; received " + b"x" * 5000 + b". Raise it.\n"}, "characters"),
        ({"err": CLEAN.err.replace(b"0", b"\x1b[31m0")}, "control characters"),
        ({"forbidden": "Ray was started \n"}, "Ray was started"),
        ({"asked": 1}, "network"),
        ({"processes": 1}, "were left"),
        ({"above": True}, "memory"),
        ({"scratch": ("left",)}, "temporary folder"),
        ({"after": {}}, "a was removed"),
        ({"after": {"a": "2"}}, "a was changed"),
        ({"after": {"a": "1", "b": "1"}}, "b was written"),
    ],
)
def test_whatever_is_not_clean_is_named(change: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in faults(CASE, replace(CLEAN, **change), Path()))


def test_what_is_accepted_must_be_right() -> None:
    case = replace(CASE, codes=(0,), told="done", check=lambda _: "a wrong map")
    ran = replace(CLEAN, code=0, out=b"done\n", err=b"")
    assert list(faults(case, ran, Path())) == ["a wrong map"]
    assert list(faults(replace(case, check=None), replace(ran, out=b""), Path())) == ["nothing like 'done' was said"]


def test_bombs_unpack_to_what_they_say() -> None:
    size = (3 << 20) + 17
    assert zlib.decompress(zlib_of_zeros(b"first", size)) == b"first" + bytes(size)
    with zipfile.ZipFile(io.BytesIO(zip_of_zeros("a", b"first", size))) as archive:
        assert archive.getinfo("a").file_size == size + 5
        with archive.open("a") as member:
            assert member.read(100) == b"first" + bytes(95)

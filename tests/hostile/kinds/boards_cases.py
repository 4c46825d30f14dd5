"""leaderboard.parquet of somebody else."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.case import Case, Make
from tests.hostile.commands import file

_BOARD = "run/leaderboard.parquet"


def board(change: Callable[[pa.Table], pa.Table]) -> Make:
    def make(folder: Path) -> None:
        path = folder / _BOARD
        pq.write_table(change(pq.read_table(path)), path)

    return make


def _changed(change: Callable[[bytes], bytes]) -> Make:
    return lambda folder: (folder / _BOARD).write_bytes(change((folder / _BOARD).read_bytes()))


def _column(name: str, make: Callable[[pa.Table], object]) -> Make:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, make(table))

    return board(change)


def cases() -> Iterator[Case]:
    yield Case("whole", ("leaderboard", "run"), codes=(0,), told="svm")
    yield Case("whole, as JSON", ("leaderboard", "run", "--all", "--json"), codes=(0,), told="svm")
    for share in (0, 1, 50, 99):
        made = _changed(lambda content, share=share: content[: len(content) * share // 100])  # type: ignore[misc]
        yield _refused(f"cut at {share} %", made)
    yield _refused("noise", file(_BOARD, os.urandom(5000)))
    yield _refused("zeros", file(_BOARD, bytes(5000)))
    yield _refused("the magic alone", file(_BOARD, b"PAR1PAR1"))
    yield _refused("a length of its foot beyond the file", _changed(lambda c: c[:-8] + b"\xff\xff\xff\x7fPAR1"))
    for place in (20, 200, -40, -100, -400):
        yield _refused(f"a byte changed at {place}", _changed(lambda c, p=place: _flip(c, p)), codes=(0, 2))  # type: ignore[misc]
    yield _refused("no metadata", board(lambda table: table.replace_schema_metadata({})))
    newer = {b"hsiauto.schema_version": b"99"}
    yield _refused("a newer schema", board(lambda table: table.replace_schema_metadata(newer)), words="version")
    red = {b"hsiauto.schema_version": b"\x1b[31m9\x07"}
    yield _refused("a schema of control characters", board(lambda table: table.replace_schema_metadata(red)))
    raw = {b"hsiauto.schema_version": b"\xff\xfe"}
    yield _refused("a schema of no UTF-8", board(lambda table: table.replace_schema_metadata(raw)))
    yield Case(
        "no column of ours",
        ("leaderboard", "run"),
        board(lambda t: pa.table({"a": [1]}).replace_schema_metadata(t.schema.metadata)),
        codes=(0, 2),
    )
    for name in ("rank", "family", "test_oa", "config", "kind", "state"):
        yield _refused(f"{name} of lists", _column(name, lambda t: pa.array([[1]] * t.num_rows)))
    yield _refused("a rank of words", _column("rank", lambda t: pa.array(["first"] * t.num_rows)))
    yield _refused("a config that is no JSON", _column("config", lambda t: pa.array(["{"] * t.num_rows)), codes=(0, 2))
    shown = ("leaderboard", "run", "--all")
    families = _column("family", lambda t: pa.array(["\x1b[31mred\x07\nnext"] * t.num_rows))
    yield Case("a family of control characters", shown, families, codes=(0, 2))
    errors = _column("error", lambda t: pa.array(["\x1b]0;title\x07" * 9] * t.num_rows))
    yield Case("an error of control characters", shown, errors, codes=(0, 2))
    empty = board(lambda table: table.slice(0, 0))
    yield Case("no row", ("leaderboard", "run"), empty, codes=(0, 2))
    wide = board(lambda t: t.append_column("more", pa.array(["x"] * t.num_rows)))
    yield Case("a column of a newer version", ("leaderboard", "run"), wide, codes=(0,))
    yield Case("a folder without one", ("leaderboard", "bundle"))
    pipe: Make = lambda folder: os.mkfifo(folder / "a.parquet")  # noqa: E731
    yield Case("a pipe", ("leaderboard", "a.parquet"), pipe)
    yield Case("zeros without an end", ("leaderboard", "/dev/zero"))


def _flip(content: bytes, place: int) -> bytes:
    found = bytearray(content)
    found[place] ^= 0xFF
    return bytes(found)


def _refused(name: str, make: Make, words: str = "", codes: tuple[int, ...] = (2,)) -> Case:
    return Case(name, ("leaderboard", "run", "--all"), make, codes, words)

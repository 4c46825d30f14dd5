"""What somebody else wrote is printed as text: no terminal obeys it."""

import ast
from pathlib import Path

import pytest

import hsiauto.cli
from hsiauto.cli.console import output, printable, say
from hsiauto.cli.progress import FileBars
from hsiauto.cli.tables import Column, framed, print_rows
from hsiauto.search.journal import Journal
from tests import told
from tests.cli.conftest import Run

HOSTILE = "[bold red]corn[/]\x1b[31m\x9b2J\x07\r\u202egrass\u2066 :smile:"
AS_TEXT = "[bold red]corn[/]\\x1b[31m\\x9b2J\\x07\\r\\u202egrass\\u2066 :smile:"


def test_lines_tables_and_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    console = output()
    say(HOSTILE, console)
    table = framed(console, HOSTILE, HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console.print(table)
    print_rows([Column("name"), Column(HOSTILE, prose=True)], [(HOSTILE, HOSTILE)])
    bars = FileBars(console)
    bars(HOSTILE, 1, 2)
    bars.close()
    printed = capsys.readouterr().out
    assert printed.count(AS_TEXT) == 9
    assert printed == printable(printed)


def test_letters_of_all_scripts_stay() -> None:
    for text in ("Wiesen: ±5 µm\t☃\n", "گندم\u200cزار", "玉米 🌽", "cafe\u0301"):
        assert printable(text) == text


def test_a_journal(run: Run, tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        for event in (
            told.opened(),
            told.proposed(family=HOSTILE, config={HOSTILE: HOSTILE}, origin="sampler"),
            told.started(),
            told.ended(state="failed", error=HOSTILE),
        ):
            journal.append(event)
    for arguments in ((), ("t0001",)):
        code, out, _ = run("show", str(tmp_path), *arguments)
        assert code == 0
        assert AS_TEXT in out
        assert out == printable(out)


@pytest.mark.parametrize("value", [HOSTILE, HOSTILE.replace(" ", "\n")])
def test_errors(run: Run, value: str) -> None:
    for arguments in (["--dataset", value], ["--budget", value], [value], ["--" + value]):
        code, out, error = run("search", *arguments)
        assert (code, out) == (2, "")
        assert len(error.splitlines()) == 1
        assert error == printable(error)


def test_no_other_console_is_made() -> None:
    """Rich's own reads markup in every string."""
    for path in Path(hsiauto.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Console", "print"):
                assert path.name in ("console.py", "options_table.py"), path

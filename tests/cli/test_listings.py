"""Every listing in a narrow terminal, in a pipe and as JSON: what a user must type stands there whole."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hsiauto import ablation
from hsiauto.cli.tables import Column, print_rows
from hsiauto.families import FAMILIES
from hsiauto.runs import folder as folders
from hsiauto.scene.registry import known_scenes
from hsiauto.search.journal import Journal
from tests import told
from tests.cli.conftest import Run
from tests.search import fakes

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a journal."""
    folder: Path = tmp_path_factory.mktemp("run")
    run_config = fakes.run_config(budget=4)
    with Journal(folder / folders.JOURNAL) as journal:
        journal.append(told.opened(config=run_config.model_dump(mode="json")))
        fakes.run(fakes.engine(journal, run_config), run_config.max_epochs)
    return folder


def a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))


LISTINGS: list[tuple[list[str], Callable[[], Iterable[str]]]] = [
    (["families"], lambda: FAMILIES),
    (["families"], lambda: {preset for config in FAMILIES.values() for preset in config.presets}),
    (["families", "spectral_memory"], lambda: set(FAMILIES["spectral_memory"].model_fields) - {"family"}),
    (["datasets"], lambda: known_scenes()),
    (["study"], lambda: ablation.shipped()),
    (["show", "RUN"], lambda: ("t0001", "quick", "completed")),
]


@pytest.mark.parametrize(("arguments", "names"), LISTINGS)
@pytest.mark.parametrize("columns", [80, 40])
def test_names_are_whole_in_a_narrow_terminal(
    run: Run,
    a_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    arguments: list[str],
    names: Callable[[], Iterable[str]],
) -> None:
    a_terminal(monkeypatch, columns)
    code, out, _ = run(*(str(a_run) if argument == "RUN" else argument for argument in arguments))
    assert code == 0
    words = set(re.findall(r"[\w.]+", ANSI.sub("", out)))
    assert set(names()) <= words
    assert "…" not in out


@pytest.mark.parametrize(("arguments", "names"), LISTINGS)
def test_names_are_whole_in_a_pipe_and_a_row_is_a_line(
    run: Run, a_run: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], names: Callable[[], Iterable[str]]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(*(str(a_run) if argument == "RUN" else argument for argument in arguments))
    assert code == 0
    assert set(names()) <= set(re.findall(r"[\w.]+", out))
    assert not re.search(r"[…─━│\x1b]", out)


@pytest.mark.parametrize(
    ("arguments", "key", "names"),
    [
        (["families"], "family", lambda: set(FAMILIES)),
        (["families", "svm"], "hyperparameter", lambda: set(FAMILIES["svm"].model_fields) - {"family"}),
        (["datasets"], "name", lambda: set(known_scenes())),
        (["study"], "study", lambda: set(ablation.shipped())),
        (["show", "RUN"], "state", lambda: {"completed"}),
    ],
)
def test_json_is_an_object_a_line(
    run: Run, a_run: Path, arguments: list[str], key: str, names: Callable[[], set[str]]
) -> None:
    code, out, _ = run(*(str(a_run) if argument == "RUN" else argument for argument in arguments), "--json")
    assert code == 0
    assert names() <= {json.loads(line)[key] for line in out.splitlines()}


def test_prose_wraps_before_it_is_left_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column("name"), Column("meaning", prose=True), Column("n", number=True))

    def printed(width: int) -> list[str]:
        a_terminal(monkeypatch, width)
        print_rows(columns, [("spectral_memory", "what it is, in some twelve words or so, for a reader", 7)])
        return ANSI.sub("", capsys.readouterr().out).splitlines()

    assert [len(printed(width)) for width in (100, 45)] == [3, 5]
    assert "meaning" not in printed(24)[0]
    assert any("spectral_memory" in line for line in printed(10))


def test_a_console_without_a_plus_minus_prints_all_the_same(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    code = "from hsiauto.cli.console import output, say, write_anywhere; write_anywhere(); say('92.1±0.3', output())"
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    told = subprocess.run([sys.executable, "-c", code], env=ascii_only, capture_output=True, text=True, check=True)
    assert told.stdout == "92.1?0.3\n"

"""The public names exist, and importing the package alone stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hsiauto


def test_every_public_name_has_a_home() -> None:
    for name in hsiauto.__all__:
        assert getattr(hsiauto, name) is not None
        assert name in dir(hsiauto)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(hsiauto.__file__).read_text(encoding="utf-8"))
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(guarded)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    split = {name: home.partition(":")[::2] for name, home in hsiauto._HOMES.items()}
    assert imported == {name: (f"hsiauto.{home}", there or name) for name, (home, there) in split.items()}


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="wonders"):
        _ = hsiauto.wonders


def answer(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_imports_no_torch() -> None:
    assert answer("import sys, hsiauto; print(sorted({'torch', 'ray', 'sklearn'} & set(sys.modules)))") == "[]"


@pytest.mark.parametrize("first", ["hsiauto.search", "from hsiauto.search import journal; from hsiauto import refit"])
def test_a_function_wins_over_the_room_of_its_name(first: str) -> None:
    code = (
        f"import hsiauto; {first}; print(*(type(getattr(hsiauto, n)).__name__ for n in ('search', 'refit', 'search')))"
    )
    assert answer(code) == "function function function"

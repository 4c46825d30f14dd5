"""The order of the house, as CONTRIBUTING.md prints it: a file imports only from what stands above it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hsiauto

HOUSE = Path(hsiauto.__file__).parent
GUIDE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def floors() -> dict[str, int]:
    """Name -> place in the list; names between the same arrows share one."""
    listed = GUIDE.read_text(encoding="utf-8").split("in this list:")[1].split("\n\n")[1]
    return {name.strip(): place for place, names in enumerate(listed.split("->")) for name in names.split(",")}


def imports() -> Iterator[tuple[Path, str]]:
    """(file, module of ours) of every import; of a name of the package itself the submodule."""
    for file in sorted(HOUSE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name) for alias in node.names if alias.name.startswith("hsiauto."))
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "hsiauto":
                whole = node.module == "hsiauto"
                yield from ((file, f"hsiauto.{alias.name}" if whole else node.module) for alias in node.names)


def test_every_import_looks_up_the_list() -> None:
    floor, seen = floors(), 0
    for file, module in imports():
        here, there = file.relative_to(HOUSE).parts[0].removesuffix(".py"), module.split(".")[1]
        if here in (there, "__init__", "__main__"):
            continue
        seen += 1
        assert floor[there] < floor[here], f"{file.relative_to(HOUSE)} imports {module}"
    assert seen > 100


def test_the_list_names_every_room_and_nothing_else() -> None:
    rooms = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert floors().keys() == rooms - {"__init__", "__main__"}


def _modules(tree: ast.AST) -> Iterator[str]:
    """Modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_rules_of_a_search_know_no_ray() -> None:
    files = [path for path in (HOUSE / "search").rglob("*.py") if "workers" not in path.parts]
    assert len(files) > 15
    for path in files:
        for module in _modules(ast.parse(path.read_text(encoding="utf-8"))):
            assert module.split(".")[0] != "ray", path
            assert not module.startswith("hsiauto.search.workers"), path


def test_a_console_belongs_to_the_command_line() -> None:
    for path in HOUSE.rglob("*.py"):
        if path.relative_to(HOUSE).parts[0] == "cli":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not {"typer", "cyclopts", "rich"} & {module.split(".")[0] for module in _modules(tree)}, path
        calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
        assert not any(isinstance(func, ast.Name) and func.id == "print" for func in calls), path


WITHOUT_TORCH = ("settings", "scene", "split", "metrics", "config", "leaderboard")
"""Rooms, with everything below them, that are imported without torch."""


def test_what_a_reader_of_results_needs_takes_no_torch() -> None:
    files = [f for room in WITHOUT_TORCH for f in (HOUSE / f"{room}.py", *(HOUSE / room).rglob("*.py")) if f.is_file()]
    modules = [".".join(("hsiauto", *file.relative_to(HOUSE).with_suffix("").parts)) for file in files]
    assert len(modules) > 20
    script = f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\nprint('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == "False\n"


OWN_PARSERS = {"files.py", "models/bundle/estimator.py", "search/journal.py", "search/fork_server.py"}
"""files.py is the one place; the second reads the scheme of a skops file, whose depth is that of its model; the third
asks whether a line was torn, after `check_json` refused it; the last hears processes of its own run, and no file."""


def test_yaml_and_json_are_read_in_one_place() -> None:
    """No alias, no key twice, few levels, few bytes: what a file may hold is checked before it is parsed."""
    parsers = {"loads", "from_json", "validate_json", "model_validate_json"}
    seen = 0
    for path in HOUSE.rglob("*.py"):
        if (name := path.relative_to(HOUSE).as_posix()) in OWN_PARSERS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert "yaml" not in set(_modules(tree)), name
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if called in parsers and "cloudpickle" not in ast.unparse(call):
                seen += 1
                assert "check_json(" in ast.unparse(call) or "read_json(" in ast.unparse(call), name
    assert seen > 5

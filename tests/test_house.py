"""The order of the house, as CONTRIBUTING.md prints it: a file imports only from what stands above it."""

import ast
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

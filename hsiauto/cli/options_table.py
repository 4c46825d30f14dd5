"""The options of all commands as rows, for the documentation and the test that freezes them.

python -m hsiauto.cli.options_table            # every option of every command, a line each
python -m hsiauto.cli.options_table search     # a Markdown table of one command
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

from cyclopts import App

from hsiauto.cli.app import make_app
from hsiauto.cli.options import GROUPS


class Row(NamedTuple):
    """One option, or argument, of a command."""

    command: str
    group: str
    names: tuple[str, ...]
    """`--option` and its other spellings, or ARGUMENT."""
    default: str
    help: str


def rows(command: str = "") -> Iterator[Row]:
    """The options of `command`, or of all, in the order of --help."""
    for name, app in _commands(make_app()):
        if command not in ("", name):
            continue
        for argument in app.assemble_argument_collection() if app.default_command else ():
            about = argument.parameter
            told = about.show_default(None) if callable(about.show_default) else ""
            group = ", ".join(getattr(one, "name", str(one)) for one in tuple(about.group or ()))  # type: ignore[arg-type]
            yield Row(name, group, argument.names, str(told), about.help or "")


def listing() -> str:
    """Every option of every command, a line each: `search --budget`."""
    return "".join(f"{row.command} {' '.join(row.names)}\n" for row in rows())


def markdown(command: str) -> str:
    """The table of one command for the documentation: a block for each group."""
    lines = []
    group = None
    for row in sorted(rows(command), key=lambda row: list(GROUPS).index(row.group) if row.group in GROUPS else -1):
        if row.group != group:
            group = row.group
            lines += ["", f"**{group}**", "", "| option | meaning |", "|---|---|"]
        default = f" [default: {row.default}]" if row.default else ""
        names = ", ".join(f"`{name}`" for name in row.names)
        lines.append(f"| {names} | {row.help.replace('|', chr(92) + '|')}{default} |")
    return "\n".join(lines[1:]) + "\n"


def _commands(app: App, prefix: str = "") -> Iterator[tuple[str, App]]:
    for name in app:
        if not name.startswith("-"):
            yield f"{prefix}{name}", app[name]
            yield from _commands(app[name], f"{prefix}{name} ")


if __name__ == "__main__":
    print(markdown(sys.argv[1]) if len(sys.argv) > 1 else listing(), end="")

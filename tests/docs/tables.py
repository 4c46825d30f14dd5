"""The tables of the pages that the code knows better: `python -m tests.docs.tables` writes them anew.

A page marks the place with `<!-- table: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from hsiauto.cli.options_table import markdown
from hsiauto.families import FAMILIES
from hsiauto.leaderboard import COLUMNS
from hsiauto.models.export.taking_part import reads, why_family_not
from tests.docs.blocks import PAGES

_PLACE = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.S)


def columns() -> str:
    """Every fixed column of a leaderboard with its meaning."""
    lines = ["| column | type | meaning |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {c.type} | {c.meaning.replace('|', '/')} |" for c in COLUMNS]
    return "\n".join(lines) + "\n"


def exported() -> str:
    """What a graph of each family is fed, or why there is none."""
    lines = ["| family | its graph |", "|---|---|"]
    for name, config in FAMILIES.items():
        why = why_family_not(config)
        lines.append(f"| `{name}` | {f'none: {why}' if why else f'equal; reads {reads(config)}'} |")
    return "\n".join(lines) + "\n"


TABLES: Mapping[str, Callable[[], str]] = {
    "columns": columns,
    "export": exported,
    "search": lambda: markdown("search"),
}


def rewritten(text: str) -> str:
    """A page with its tables as the code has them now."""
    return _PLACE.sub(lambda match: f"{match[1]}\n{_shown(TABLES[match['name']]())}\n{match[3]}", text)


def _shown(table: str) -> str:
    """`table` with placeholders such as <run> as text, not as HTML."""
    return table.replace("<", "&lt;")


def pages_with_tables() -> list[Path]:
    """The pages that have a table of ours."""
    return [page for page in PAGES if _PLACE.search(page.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    for page in pages_with_tables():
        page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")

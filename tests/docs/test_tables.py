"""Tables in the documentation are those of the code."""

from pathlib import Path

import pytest

from tests.docs.tables import pages_with_tables, rewritten


@pytest.mark.parametrize("page", pages_with_tables(), ids=lambda page: page.name)
def test_tables_are_those_of_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rewritten(text) == text, "renew it: python -m tests.docs.tables"


def test_columns_and_options_are_documented() -> None:
    assert {page.name for page in pages_with_tables()} >= {"leaderboard.md", "options.md"}

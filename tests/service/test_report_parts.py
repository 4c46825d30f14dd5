"""A page asks for a report in parts, so that what is large comes when somebody looks at it; each is made once."""

import json
from pathlib import Path
from typing import Any

import pytest

from hsiauto.service import results
from hsiauto.service.names import without_folders
from hsiauto.service.results import Part


def test_found_and_map_are_the_report_without_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"board": [1], "map": {"width": 2}, "words": {"advice": f"resume {tmp_path}/runs/00aa/"}}
    made: list[Path] = []

    def make(folder: Path) -> dict[str, Any]:
        made.append(folder)
        return dict(whole)

    monkeypatch.setattr(results, "report_data", make)
    without = without_folders(tmp_path, None)

    def part(name: Part | None) -> dict[str, Any]:
        return dict(json.loads(results.report(tmp_path, name, without)))

    found, drawn = part("found"), part("map")
    assert drawn == {"map": {"width": 2}}
    assert found == {"board": [1], "words": {"advice": "resume "}}
    assert found | drawn == part(None)
    assert made == [tmp_path]
    (tmp_path / "journal.jsonl").write_text("another line")
    part("found")
    assert made == [tmp_path] * 2, "anew as soon as the run goes on"

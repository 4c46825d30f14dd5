"""A page asks for a report in parts, so that what is large comes when somebody looks at it."""

from pathlib import Path

import pytest

from hsiauto.service import results


def test_found_and_map_are_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"board": [1], "map": {"width": 2}, "words": {}}
    monkeypatch.setattr(results, "report_data", lambda folder: whole)
    found, drawn = results.report(tmp_path, "found"), results.report(tmp_path, "map")
    assert drawn == {"map": {"width": 2}}
    assert found | drawn == results.report(tmp_path, None) == whole
    assert not found.keys() & drawn.keys()

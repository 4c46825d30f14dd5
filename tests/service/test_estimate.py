"""An estimate answers in time, however busy the machine is."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.service import command, estimate
from tests.service.conftest import House

_ROW = {"family": "svm", "parameters": None, "memory_bytes": 2**20, "full_seconds": 1.5}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements of Python that stand for the command."""
    statements: list[str] = []

    def program(arguments: Sequence[str]) -> list[str]:
        assert arguments[0] == "estimate"
        return [sys.executable, "-S", "-c", "\n".join(["import sys, time", *statements])]

    monkeypatch.setattr(command, "_command", program)
    return statements


def _prints(name: str) -> str:
    return f"print({json.dumps({**_ROW, 'name': name})!r}, flush=True)"


def _asked(house: House) -> dict[str, object]:
    answer = house.client.post("/api/estimate", json={"scene": "demo"}, headers=house.as_("ann"))
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def test_presets_are_told_and_nothing_else_is_waited_for(house: House, printed: list[str]) -> None:
    printed += [_prints("preset"), _prints("largest"), "time.sleep(600)"]
    told = _asked(house)
    assert told["rows"] == [{**_ROW, "name": "preset"}]
    assert told["complete"] is True
    assert told["text"] == "svm, preset: 1 MiB, 1.5 s for a full training"


def test_what_was_not_measured_in_time_is_said(
    house: House, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "LONGEST_S", 1.0)
    printed += [_prints("preset"), "sys.stdout.write('{'); sys.stdout.flush()", "time.sleep(600)"]
    told = _asked(house)
    assert told["rows"] == [{**_ROW, "name": "preset"}]
    assert told["complete"] is False
    assert str(told["text"]).endswith("not measured within 1 s: the machine is busy.")


def test_a_command_that_fails_says_why_and_one_that_is_left_ends(printed: list[str], tmp_path: Path) -> None:
    printed += ["print('{}', flush=True)", f"sys.exit('error: no {tmp_path}/runs/scene')"]
    with pytest.raises(UserError, match=r"^no scene$"):
        list(command.lines(["estimate"], tmp_path, time.monotonic() + 60))
    left = tmp_path / "left"
    printed[1] = f"time.sleep(0.5); open({str(left)!r}, 'w')"
    told = command.lines(["estimate"], tmp_path, time.monotonic() + 60)
    assert next(told) == b"{}\n"
    told.close()
    time.sleep(0.7)
    assert not left.exists()

"""A run whose Ray dies ends in order, blames no trial, and goes on."""

from pathlib import Path

import pytest

from hsiauto.cli.ending import run_messages
from hsiauto.runs.result import RAY_LOST, Result
from hsiauto.scene.source import SceneSource
from hsiauto.search.events import Ended, Reevaluated, of
from hsiauto.search.journal import read
from tests.runs.test_quiet import _one_svm, _python
from tests.runs.test_search import source  # noqa: F401 - a fixture

_CODE = """
import psutil

def kills(name, event):
    victims = [name]
    def watch(told):
        if told.event == event and victims:
            victims.clear()
            [process] = [process for process in psutil.Process().children() if process.name() == name]
            process.kill()
            process.wait()
    return watch

first = hsiauto.search(config, "run", on_event=kills("gcs_server", "started"))
second = hsiauto.resume("run", on_event=kills("raylet", "reevaluated"))
third = hsiauto.resume("run")
said = [[one.exit_code, one.lost, ray.is_initialized()] for one in (first, second, third)]
"""


def test_a_search_ends_in_order_when_ray_dies_and_goes_on_with_another(
    source: SceneSource,  # noqa: F811
    tmp_path: Path,
) -> None:
    """It ended with exit code 1, after a minute, in Ray's code, or in 40 lines of Ray's log."""
    config = _one_svm(source, fresh_validations=2)
    first, second, third = _python(_CODE, config, tmp_path)
    assert [first[0], second[0], third] == [RAY_LOST, RAY_LOST, [0, "", False]]
    assert first[1].startswith("Ray was lost: its GCS at 127.0.0.1:")
    assert second[1].startswith("Ray was lost: its raylet at 127.0.0.1:")
    events = read(tmp_path / "run" / "journal.jsonl")
    assert {event.state for event in of(Ended, events)} == {"interrupted", "completed"}
    assert [event.error for event in of(Ended, events) if event.state == "interrupted"] == [first[1]]
    assert {event.state for event in of(Reevaluated, events)} == {"completed"}


@pytest.mark.parametrize("goes_on", ["hsiauto search --resume run", None])
def test_the_command_line_says_in_one_line_what_was_lost_and_how_to_go_on(goes_on: str | None) -> None:
    result = Result(Path("run"), None, trained=True, interrupted=True, lost="Ray was lost: its GCS does not answer")
    assert result.exit_code == 3
    [line] = run_messages(result, goes_on)
    what = f"`{goes_on}` goes on" if goes_on else "what was scored is in the table"
    assert line == f"Ray was lost: its GCS does not answer; {what}"

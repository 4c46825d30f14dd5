"""What the command line says of a run whose Ray died."""

from pathlib import Path

import pytest

from hsiauto.cli.ending import run_messages
from hsiauto.runs.result import Result


@pytest.mark.parametrize("goes_on", ["hsiauto search --resume run", None])
def test_the_command_line_says_in_one_line_what_was_lost_and_how_to_go_on(goes_on: str | None) -> None:
    result = Result(Path("run"), None, trained=True, interrupted=True, lost="Ray was lost: its GCS does not answer")
    assert result.exit_code == 3
    [line] = run_messages(result, goes_on)
    what = f"`{goes_on}` goes on" if goes_on else "what was scored is in the table"
    assert line == f"Ray was lost: its GCS does not answer; {what}"

"""What `hsiauto show` tells of a run."""

from pathlib import Path

import pytest

from hsiauto.runs import folder as folders
from hsiauto.search.events import to_line
from hsiauto.search.journal import Journal
from tests import told
from tests.cli.conftest import Run
from tests.search import fakes


def test_show_tells_of_a_worker_that_died_though_its_trial_went_on(run: Run, tmp_path: Path) -> None:
    run_config = fakes.run_config(budget=2, scheduler="none")
    with Journal(tmp_path / folders.JOURNAL) as journal:
        journal.append(told.opened())
        engine = fakes.engine(journal, run_config)
        first = engine.next()
        assert first is not None
        engine.start(first.trial_id, 1, "n", "cpu", 1)
        engine.lose(first.trial_id, 1, "killed")
        fakes.run(engine, run_config.max_epochs)
    code, table, _ = run("show", str(tmp_path))
    deaths = [line for line in table.splitlines() if "its worker died: killed" in line]
    assert code == 0
    assert len(deaths) == 1
    assert deaths[0].split()[:4] == [first.trial_id, first.config.family, "completed", "9"]
    code, alone, _ = run("show", str(tmp_path), first.trial_id)
    assert code == 0
    assert "error: its worker died: killed" in alone


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "begins with the event `opened`; received no event"),
        (to_line(told.proposed()) + b"\n", "begins with the event `opened`; received line 1: proposed"),
        (
            to_line(told.opened()) + b"\n" + to_line(told.ended()) + b"\n",
            "line 2: ended: no earlier line proposes t0001",
        ),
        (to_line(told.opened()) + b"\n[]\n", "line 2: "),
    ],
)
def test_show_says_what_is_wrong_with_a_journal(content: bytes, words: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / folders.JOURNAL).write_bytes(content)
    code, out, said = run("show", str(tmp_path))
    assert (code, out) == (2, "")
    assert words in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert (tmp_path / folders.JOURNAL).read_bytes() == content

"""What `hsiauto show` tells of a run."""

from pathlib import Path

from hsiauto.runs import folder as folders
from hsiauto.search.journal import Journal
from tests.cli.conftest import Run
from tests.search import fakes


def test_show_tells_of_a_worker_that_died_though_its_trial_went_on(run: Run, tmp_path: Path) -> None:
    run_config = fakes.run_config(budget=2, scheduler="none")
    with Journal(tmp_path / folders.JOURNAL) as journal:
        engine = fakes.engine(journal, run_config)
        first = engine.next()
        assert first is not None
        engine.start(first.trial_id, 1, "n", "cpu", 1)
        engine.lose(first.trial_id, 1, "killed")
        fakes.run(engine, run_config.max_epochs)
    code, table, _ = run("show", str(tmp_path))
    told = [line for line in table.splitlines() if "its worker died: killed" in line]
    assert code == 0
    assert len(told) == 1
    assert told[0].split()[:4] == [first.trial_id, first.config.family, "completed", "9"]
    code, alone, _ = run("show", str(tmp_path), first.trial_id)
    assert code == 0
    assert "error: its worker died: killed" in alone

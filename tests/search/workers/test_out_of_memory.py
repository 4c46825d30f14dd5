"""What the journal and the leaderboard say of a trial for which the memory did not suffice."""

from dataclasses import replace
from pathlib import Path

import pytest

from hsiauto.search.events import Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.trials import trials
from tests.search import fakes


def test_a_retry_is_said_once_with_its_micro_batch_and_peak(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, fakes.run_config(budget=3, scheduler="none"))
        training = engine.next()
        assert training is not None
        engine.start(training.trial_id, 1, "node", "cuda", 1)
        for epoch, micro_batch in ((1, None), (2, 16), (3, 16)):
            seen = replace(fakes.report(epoch, 0.5), micro_batch=micro_batch, peak_memory_bytes=3 << 30)
            engine.report(training.trial_id, 1, seen)
        said = [event.text for event in of(Warned, journal.events) if "memory" in event.text]
        assert said == [
            f"t0001, {training.config.family}: out of memory at 3.00 GiB; it goes on with 16 samples at once and the "
            "same effective batch"
        ]
        reports = trials(journal.events)["t0001"].reports
        assert [report.micro_batch for report in reports] == [None, 16, 16]


@pytest.mark.parametrize("peak", [None, 5 << 30])
def test_a_trial_that_memory_ends_has_its_peak_and_the_search_goes_on(peak: int | None, tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, fakes.run_config(budget=2))
        first = engine.next()
        assert first is not None
        engine.start(first.trial_id, 1, "node", "cuda", 1)
        engine.fail(first.trial_id, 1, "out of memory with 8 samples at once, at 5.00 GiB", peak)
        fakes.run(engine, 9)
    with Journal(tmp_path / "journal.jsonl") as journal:
        found = trials(journal.events)
    assert (found["t0001"].state, found["t0001"].peak_memory_bytes) == ("failed", peak)
    assert found["t0002"].epochs > 0

"""What optuna-dashboard shows of a search: studies by family, metric names, times, errors."""

from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from hsiauto.search.events import Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.mirror import Mirror
from hsiauto.search.trials import trials
from tests.search import fakes


def _mirrored(path: Path, metrics: tuple[str, ...]) -> tuple[dict[str, optuna.Study], Journal]:
    study = fakes.run_config(budget=6)
    with Journal(path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, study, mirror=Mirror(path / "optuna.log", metrics))
        fakes.run(engine, study.max_epochs, limit=5)
        last = engine.next()
        assert last is not None
        engine.start(last.trial_id, 1, "node", "cpu", 1)
        engine.fail(last.trial_id, 1, "ValueError: no such layer")
    storage = JournalStorage(JournalFileBackend(str(path / "optuna.log")))
    return {s.study_name: optuna.load_study(study_name=s.study_name, storage=storage)
            for s in storage.get_all_studies()}, journal  # fmt: skip


@pytest.mark.parametrize("metrics", [("validation kappa",), ()])
def test_trials_have_the_journals_names_times_and_errors(tmp_path: Path, metrics: tuple[str, ...]) -> None:
    studies, journal = _mirrored(tmp_path, metrics)
    found = trials(journal.events)
    shown = [(name, trial) for name, study in studies.items() for trial in study.trials]
    assert len(shown) == len(found) == 6
    for name, trial in shown:
        origin = found[trial.user_attrs["trial"]]
        assert origin.family == name
        assert trial.user_attrs.get("error", "") == origin.error
        for shown_at, at in ((trial.datetime_start, origin.started_at), (trial.datetime_complete, origin.finished_at)):
            assert shown_at is not None
            assert shown_at.astimezone(UTC) == datetime.fromisoformat(at)
    failed = [trial for _, trial in shown if trial.state is TrialState.FAIL]
    assert [trial.user_attrs["error"] for trial in failed] == ["ValueError: no such layer"]
    assert {tuple(study.metric_names or ()) for study in studies.values()} == {metrics}


def test_a_trial_that_never_started_is_shown_too(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, fakes.run_config(budget=6), mirror=Mirror(tmp_path / "optuna.log"))
        first = engine.next()
        assert first is not None
        engine.expire(first.trial_id, 1)
        (found,) = trials(journal.events).values()
    assert found.state == "refused"
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "optuna.log")))
    (shown,) = optuna.load_study(study_name=found.family, storage=storage).trials
    assert shown.user_attrs["trial"] == first.trial_id


def test_a_study_deleted_in_the_dashboard_ends_the_mirror_and_not_the_search(tmp_path: Path) -> None:
    study, path = fakes.run_config(budget=12), tmp_path / "optuna.log"
    with Journal(tmp_path / "journal.jsonl") as journal:
        engine = fakes.engine(journal, study, mirror=Mirror(path))
        fakes.run(engine, study.max_epochs, limit=4)
        dashboard = JournalStorage(JournalFileBackend(str(path)))
        for shown in dashboard.get_all_studies():
            dashboard.delete_study(shown._study_id)
        fakes.run(engine, study.max_epochs)
        assert all(trial.ended for trial in trials(journal.events).values())
        assert len(trials(journal.events)) == 12
        told = [event.text for event in of(Warned, journal.events)]
    assert len(told) == 1
    assert told[0].startswith("optuna.log is no longer written: ")

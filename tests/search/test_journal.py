import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from hsiauto.errors import UserError
from hsiauto.search import journal as journals
from hsiauto.search.journal import Journal, read, trials

PROPOSED: dict[str, Any] = {
    "trial_id": "t0001",
    "family": "quick",
    "axes": {"quick.x": 0.5},
    "config": {"family": "quick", "x": 0.5},
    "config_hash": "aa",
    "parameters": 1,
    "macs": 2,
    "number": 1,
    "origin": "preset",
    "sampler_state": {},
}
SCORES = {"train_loss": 1.0, "val_loss": 1.0, "val_oa": 0.5, "val_aa": 0.5, "fit_seconds": 1.0, "peak_memory_bytes": 1}


def _report(epoch: int, attempt: int = 1, kappa: float = 0.5, decision: str = "continue") -> dict[str, Any]:
    return {
        "trial_id": "t0001", "attempt": attempt, "epoch": epoch, "val_kappa": kappa, "decision": decision, "rung": None,
        **SCORES,
    }  # fmt: skip


def _started(attempt: int) -> dict[str, Any]:
    return {"trial_id": "t0001", "attempt": attempt, "node": "n", "device": "cpu", "pid": 7}


def test_a_torn_line_is_ignored_by_readers_and_cut_off_by_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("proposed", **PROPOSED)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event":"started","tri')
    assert [event["event"] for event in read(path)] == ["proposed"]
    assert path.read_bytes() != whole  # reading repairs nothing: a writer may be at work
    with Journal(path) as journal:
        journal.append("started", **_started(1))
    assert [event["event"] for event in read(path)] == ["proposed", "started"]


def test_a_last_line_of_zeros_counts_as_torn(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event":"opened","at":""}\n' + bytes(40) + b"\n")
    with Journal(path) as journal:
        journal.append("resumed", budget=3)
    assert [event["event"] for event in read(path)] == ["opened", "resumed"]


def test_damage_inside_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event":"opened","at":""}\n{oops}\n{"event":"resumed","at":"","budget":3}\n')
    with pytest.raises(UserError, match="line 2"):
        read(path)
    before = path.read_bytes()
    with pytest.raises(UserError, match="line 2"):
        Journal(path)
    assert path.read_bytes() == before


def test_nan_is_null_with_its_reason_and_every_line_is_strict_json(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("proposed", **PROPOSED)
        journal.append("report", **_report(1, kappa=math.nan))
        journal.append("ranked", order=["t0001"], reasons={"t0001": [math.inf, 1.0]})
    lines = path.read_text().splitlines()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    events = [json.loads(line, parse_constant=refuse) for line in lines]
    assert events[1]["val_kappa"] is None
    assert events[1]["not_finite"] == {"val_kappa": "nan"}
    assert events[2]["not_finite"] == {"reasons.t0001[0]": "inf"}
    assert math.isnan(trials(events)["t0001"].score("kappa"))


def test_outcomes_are_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append("report", **_report(1))
        assert not synced
        journal.append("ended", trial_id="t0001", attempt=1, state="completed", error=None)
        assert len(synced) == 1


def test_a_full_disk_leaves_the_journal_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append("proposed", **PROPOSED)
        file = journal._file

        class Full:
            def fileno(self) -> int:
                return file.fileno()

            def write(self, content: bytes) -> int:
                if len(content) < 20:
                    raise OSError(28, "No space left on device")
                return file.write(content[: len(content) - 10]) or 0

            def close(self) -> None:
                file.close()

        monkeypatch.setattr(journal, "_file", Full())
        with pytest.raises(UserError, match="disk"):
            journal.append("started", **_started(1))
    assert path.read_bytes().endswith(b"}\n")
    assert [event["event"] for event in read(path)] == ["proposed"]


def test_states_follow_the_events_and_a_newer_attempt_fences_an_older_one() -> None:
    events: list[dict[str, Any]] = []

    def add(event: str, **fields: Any) -> journals.TrialState:
        events.append({"event": event, "at": str(len(events)), **fields})
        return trials(events)["t0001"]

    assert add("proposed", **PROPOSED).state == "proposed"
    trial = add("started", **_started(1))
    assert (trial.state, trial.attempt, trial.started_at) == ("running", 1, "1")
    add("report", **_report(1))
    add("report", **_report(2))
    assert add("ended", trial_id="t0001", attempt=1, state="interrupted", error="ctrl-c").error == "ctrl-c"
    trial = add("started", **_started(2))
    assert (trial.state, trial.error, trial.finished_at, trial.started_at) == ("running", "", "", "1")
    add("report", **_report(9, attempt=1))  # an orphan of the first attempt
    assert trials(events)["t0001"].epochs == 2
    trial = add("report", **_report(2, attempt=2, kappa=0.9))
    assert [report["epoch"] for report in trial.reports] == [1, 2]
    assert trial.score("kappa") == 0.9
    trial = add("ended", trial_id="t0001", attempt=2, state="completed", error=None)
    assert (trial.state, trial.ended, trial.error) == ("completed", True, "")


def test_seconds_per_epoch_leave_out_the_warm_up() -> None:
    events = [{"event": "proposed", "at": "", **PROPOSED}, {"event": "started", "at": "", **_started(1)}]
    for epoch, seconds in ((1, 5.0), (2, 6.0), (4, 8.0)):
        events.append({"event": "report", "at": "", **_report(epoch), "fit_seconds": seconds})
    assert trials(events[:3])["t0001"].seconds_per_epoch == 2.5
    assert trials(events)["t0001"].seconds_per_epoch == 1.0

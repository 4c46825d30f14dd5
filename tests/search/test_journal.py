import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hsiauto.errors import UserError
from hsiauto.search.events import SCHEMA_VERSION, Event, Resumed, to_line
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import TrialState, trials
from tests import told


def _kinds(path: Path) -> list[str]:
    return [event.event for event in read(path)]


def _write(path: Path, *lines: bytes | Event) -> None:
    path.write_bytes(b"".join((line if isinstance(line, bytes) else to_line(line)) + b"\n" for line in lines))


def test_a_torn_line_is_ignored_by_readers_and_cut_off_by_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append(told.proposed())
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event":"started","tri')
    assert _kinds(path) == ["proposed"]
    assert path.read_bytes() != whole  # reading repairs nothing: a writer may be at work
    with Journal(path) as journal:
        journal.append(told.started())
    assert _kinds(path) == ["proposed", "started"]


def test_a_last_line_of_zeros_counts_as_torn(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, told.opened(), bytes(40))
    with Journal(path) as journal:
        journal.append(Resumed(budget=3))
    assert _kinds(path) == ["opened", "resumed"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{oops}", "strict JSON"),
        (b'{"event":"resumed","at":"","budget":3,"time":1}', r"resumed\.time: Extra inputs are not permitted"),
        (b'{"event":"resumed","at":""}', r"resumed\.budget: Field required"),
        (b'{"event":"resumed","budget":3}', r"at: Field required"),
        (b'{"event":"resumed","at":"","budget":"3"}', r"resumed\.budget: Input should be a valid integer"),
        (b'{"event":"ended","at":"","trial_id":"t","attempt":1,"state":"lost"}', r"ended\.state: Input should be"),
        (b'{"event":"vanished","at":""}', "'vanished' found using 'event' does not match"),
        (b'{"budget":3}', "Unable to extract tag using discriminator 'event'"),
        (b"[]", "Input should be an object"),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, line: bytes, why: str) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, told.opened(), line, Resumed(budget=3))
    for read_it in (read, Journal):
        with pytest.raises(UserError, match=f"journal.jsonl.* line 2: .*{why}") as refused:
            read_it(path)
        assert "\n" not in str(refused.value)
    assert path.read_bytes().splitlines()[1] == line, "nothing was cut off"


def test_a_last_line_that_is_whole_but_unknown_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, told.opened(), b'{"event":"vanished","at":""}')
    with pytest.raises(UserError, match="line 2"):
        Journal(path)


def test_a_journal_of_a_newer_hsiauto_is_refused(tmp_path: Path) -> None:
    path, newer = tmp_path / "journal.jsonl", SCHEMA_VERSION + 1
    said = json.loads(to_line(told.opened())) | {"schema_version": newer, "mood": "good"}
    _write(path, json.dumps(said).encode(), b'{"event":"vanished"}')
    with pytest.raises(
        UserError, match=rf"schema version {SCHEMA_VERSION}; received version {newer} .* Update hsiauto"
    ):
        read(path)


def test_a_score_that_is_not_finite_survives_in_strict_json(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        reports = told.reported(kappa=math.nan), told.reported(epoch=2, kappa=-math.inf)
        for event in (told.proposed(), told.started(), *reports):
            journal.append(event)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]
    assert [line["val_kappa"] for line in lines[2:]] == ["NaN", "-Infinity"]
    first, second = trials(read(path))["t0001"].reports
    assert math.isnan(first.val_kappa)
    assert second.val_kappa == -math.inf


def test_outcomes_are_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append(told.reported())
        assert not synced
        journal.append(told.ended())
        assert len(synced) == 1


def test_a_full_disk_leaves_the_journal_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append(told.proposed())
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
            journal.append(told.started())
    assert path.read_bytes().endswith(b"}\n")
    assert _kinds(path) == ["proposed"]


def test_states_follow_the_events_and_a_newer_attempt_fences_an_older_one() -> None:
    events: list[Event] = []

    def add(event: Event) -> TrialState:
        events.append(event.model_copy(update={"at": str(len(events))}))
        return trials(events)["t0001"]

    assert add(told.proposed()).state == "proposed"
    trial = add(told.started())
    assert (trial.state, trial.attempt, trial.started_at) == ("running", 1, "1")
    add(told.reported(epoch=1))
    add(told.reported(epoch=2))
    assert add(told.ended(state="interrupted", error="ctrl-c")).error == "ctrl-c"
    trial = add(told.started(attempt=2))
    assert (trial.state, trial.error, trial.finished_at, trial.started_at) == ("running", "", "", "1")
    add(told.reported(epoch=9))  # an orphan of the first attempt
    assert trials(events)["t0001"].epochs == 2
    trial = add(told.reported(epoch=2, attempt=2, kappa=0.9))
    assert [report.epoch for report in trial.reports] == [1, 2]
    assert trial.score("kappa") == 0.9
    trial = add(told.ended(attempt=2))
    assert (trial.state, trial.ended, trial.error) == ("completed", True, "")


def test_seconds_per_epoch_leave_out_the_warm_up() -> None:
    events: list[Event] = [told.proposed(), told.started()]
    events += [told.reported(epoch=epoch, fit_seconds=seconds) for epoch, seconds in ((1, 5.0), (2, 6.0), (4, 8.0))]
    assert trials(events[:3])["t0001"].seconds_per_epoch == 2.5
    assert trials(events)["t0001"].seconds_per_epoch == 1.0


def test_a_key_twice_is_no_event(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    _write(path, told.opened(), b'{"event":"resumed","at":"","budget":3,"budget":300}', Resumed(budget=3))
    with pytest.raises(UserError, match=r"line 2: .*'budget' twice"):
        read(path)


def test_a_journal_that_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="must be a file that can be read; received a device"):
        read(tmp_path / "journal.jsonl")


def test_a_training_that_began_anew_says_so_with_the_trial() -> None:
    events: list[Event] = [
        told.proposed(),
        told.started(),
        told.started(attempt=2, note="began anew"),
        told.reported(attempt=2),
    ]
    assert trials(events)["t0001"].errors == "attempt 2 began anew"


def test_readers_of_a_journal_that_is_written_see_whole_lines(tmp_path: Path) -> None:
    path, n = tmp_path / "journal.jsonl", 200
    with Journal(path) as journal, ThreadPoolExecutor() as pool:
        journal.append(told.opened())
        writing = pool.submit(lambda: [journal.append(Resumed(budget=i)) for i in range(1, n + 1)])
        seen = [1]
        while seen[-1] <= n:
            seen.append(len(read(path)))
        writing.result()
    assert seen == sorted(seen)

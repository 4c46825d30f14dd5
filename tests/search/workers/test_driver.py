import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from hsiauto.search.events import Ended, Event, Proposed, Reported, Started, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import trials
from hsiauto.search.workers.driver import run_search
from hsiauto.split.seal import TrialData
from tests.search import fakes, real

pytestmark = pytest.mark.usefixtures("ray_session")


_PASSED_ON = ("deadline", "on_event", "trial_type", "stop")


def _search(folder: Path, space: fakes.FakeSpace | None = None, **options: Any) -> list[Event]:
    search: dict[str, Any] = {key: options.pop(key) for key in _PASSED_ON if key in options}
    folder.mkdir(exist_ok=True)
    with Journal(folder / "journal.jsonl") as journal:
        run_search(
            folder, fakes.run_config(**options), space or fakes.FakeSpace(), fakes.tiny_data(), journal,
            **{"trial_type": fakes.FakeTrial} | search, parse=fakes.parse, cost=fakes.cost,
        )  # fmt: skip
    return read(folder / "journal.jsonl")


def _table(events: list[Event]) -> list[tuple[Any, ...]]:
    return [
        (t.trial_id, t.config_hash, t.origin, t.state, t.error, t.epochs, t.score("kappa"))
        for t in trials(events).values()
    ]


def _undisturbed(path: Path, **changes: Any) -> list[tuple[Any, ...]]:
    """The table of the same search by the engine alone, trial after trial."""
    run_config = fakes.run_config(**changes)
    with Journal(path) as journal:
        fakes.run(fakes.engine(journal, run_config), run_config.max_epochs)
        return _table(journal.events)


def test_what_ray_runs_is_what_the_engine_decides_and_the_best_weights_stay(tmp_path: Path) -> None:
    events = _search(tmp_path / "ray", budget=14, top_k=1)
    assert _table(events) == _undisturbed(tmp_path / "plain", budget=14)
    found = list(trials(events).values())
    assert {trial.state for trial in found} == {"completed", "stopped"}
    assert len({trial.pid for trial in found}) == 1  # one worker, kept
    assert all(trial.node and trial.started_at <= trial.finished_at for trial in found)
    for trial in found:
        names = [path.name for path in (tmp_path / "ray" / "trials" / trial.trial_id / "attempt-1").iterdir()]
        assert "log.txt" in names
        assert any(name.startswith("events.out.tfevents") for name in names)
        rivals = [t for t in found if t.family == trial.family and t.state == "completed"]
        best = max(rivals, key=lambda t: (t.score("kappa"), -t.number))
        assert ("checkpoint.pt" in names) == (trial.trial_id == best.trial_id)


def test_two_workers_finish_the_budget_and_keep_all_weights(tmp_path: Path) -> None:
    events = _search(tmp_path / "run", budget=10, concurrency=2, keep="all", grace_epochs=2)
    found = trials(events).values()
    assert len(found) == 10
    assert all(trial.ended for trial in found)
    assert len({trial.config_hash for trial in found}) == 10
    for trial in found:
        weights = tmp_path / "run" / "trials" / trial.trial_id / "attempt-1" / "checkpoint.pt"
        assert int(weights.read_text()) >= trial.epochs - 1


def test_a_family_that_raises_or_diverges_ends_its_trial_only(tmp_path: Path) -> None:
    space = fakes.FakeSpace(("quick",), modes=("train", "raise", "nan"))
    found = list(trials(_search(tmp_path / "run", space, budget=9, sampler="random")).values())
    by_mode = {mode: [t for t in found if t.config["mode"] == mode] for mode in ("train", "raise", "nan")}
    assert all(by_mode.values())
    assert {trial.state for trial in by_mode["train"]} <= {"completed", "stopped"}
    assert {(trial.state, trial.error) for trial in by_mode["nan"]} == {
        ("failed", "validation kappa is nan after epoch 1")
    }
    for trial in by_mode["raise"]:
        assert trial.state == "failed"
        assert trial.error.endswith("ValueError: a first line\nno such layer")
        log = tmp_path / "run" / "trials" / trial.trial_id / "attempt-1" / "log.txt"
        assert "Traceback" in log.read_text()
    assert len({trial.pid for trial in found}) == 1  # an exception costs no worker


def test_a_trial_whose_worker_dies_goes_on_once_and_the_search_with_it(tmp_path: Path) -> None:
    space = fakes.FakeSpace(("quick",), modes=("die-once", "train", "die"))
    events = _search(tmp_path / "run", space, budget=6, sampler="random", scheduler="none")
    found = list(trials(events).values())
    by_mode = {mode: [t for t in found if t.config["mode"] == mode] for mode in ("train", "die", "die-once")}
    assert all(by_mode.values())
    assert len(found) == 6
    for trial in by_mode["die"]:
        assert (trial.state, trial.attempt) == ("failed", 2)
        assert trial.error.startswith("its worker died twice: ")
        assert "worker process has died" in trial.error  # Ray's words
    for trial in by_mode["die-once"]:
        assert (trial.state, trial.error, trial.attempt, trial.epochs) == ("completed", "", 2, 9)
        [reason] = trial.worker_deaths
        assert reason.startswith("its worker died: ")
        log = tmp_path / "run" / "trials" / trial.trial_id / "attempt-2" / "log.txt"
        assert "goes on from epoch" in log.read_text()
    assert {(trial.state, trial.attempt) for trial in by_mode["train"]} == {("completed", 1)}
    for seen in (
        [(e.trial_id, e.epoch) for e in of(Reported, events)],
        [(e.trial_id, e.attempt) for e in of(Ended, events)],
    ):
        assert len(seen) == len(set(seen))


def test_a_deadline_ends_the_search_and_gives_up_a_trial_that_does_not_report(tmp_path: Path) -> None:
    started = time.monotonic()
    space = fakes.FakeSpace(("quick",), modes=("slow",))
    found = list(trials(_search(tmp_path / "run", space, budget=50, deadline=started + 2.0)).values())
    assert 1 <= len(found) < 50
    assert all(trial.ended for trial in found)
    assert any("time limit" in trial.error or "others wait" in trial.error for trial in found)


def test_ctrl_c_closes_the_books_and_the_next_call_goes_on(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    reports = 0

    def press(event: Event) -> None:
        nonlocal reports
        reports += isinstance(event, Reported)
        if reports == 12 and isinstance(event, Reported):
            threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        _search(tmp_path / "run", budget=8, trial_type=fakes.UnhurriedTrial, on_event=press)
    assert signal.getsignal(signal.SIGINT) is before
    events = read(tmp_path / "run" / "journal.jsonl")
    assert [t.state for t in trials(events).values()][-1] == "interrupted"
    assert _undisturbed(tmp_path / "run" / "journal.jsonl", budget=8) == _undisturbed(tmp_path / "plain", budget=8)
    assert max(trial.attempt for trial in trials(read(tmp_path / "run" / "journal.jsonl")).values()) == 2


def test_stop_closes_the_books_in_any_thread_and_the_next_call_goes_on(tmp_path: Path) -> None:
    reports: list[Event] = []
    raised: list[BaseException] = []

    def search() -> None:
        try:
            _search(
                tmp_path / "run", budget=8, trial_type=fakes.UnhurriedTrial,
                on_event=lambda event: reports.append(event) if isinstance(event, Reported) else None,
                stop=lambda: len(reports) >= 12,
            )  # fmt: skip
        except KeyboardInterrupt as interrupt:
            raised.append(interrupt)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert len(raised) == 1
    events = read(tmp_path / "run" / "journal.jsonl")
    assert [t.state for t in trials(events).values()][-1] == "interrupted"
    assert len(of(Reported, events)) == 12
    assert _undisturbed(tmp_path / "run" / "journal.jsonl", budget=8) == _undisturbed(tmp_path / "plain", budget=8)


def test_stop_before_a_proposed_trial_has_a_worker(tmp_path: Path) -> None:
    """Tune has a trial then that it never names a folder for."""
    proposed: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        _search(
            tmp_path / "run", budget=8,
            on_event=lambda event: proposed.append(event) if isinstance(event, Proposed) else None,
            stop=lambda: bool(proposed),
        )  # fmt: skip
    assert not of(Reported, read(tmp_path / "run" / "journal.jsonl"))


_DRIVER = """
import sys
from pathlib import Path
from tests.search import fakes
from tests.search.workers import test_driver
test_driver._search(Path(sys.argv[1]), budget=8, trial_type=fakes.UnhurriedTrial)
"""


def test_a_killed_driver_resumes_to_the_same_table(tmp_path: Path) -> None:
    journal = tmp_path / "run" / "journal.jsonl"
    child = subprocess.Popen([sys.executable, "-c", _DRIVER, str(tmp_path / "run")], cwd=Path(__file__).parents[3])
    try:
        limit = time.monotonic() + 60
        while time.monotonic() < limit and not (journal.exists() and journal.read_bytes().count(b'"report"') >= 11):
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    killed = [trial.state for trial in trials(read(journal)).values()]
    assert killed[-1] == "running"
    events = _search(tmp_path / "run", budget=8)
    assert _table(events) == _undisturbed(tmp_path / "plain", budget=8)
    epochs = [(e.trial_id, e.epoch) for e in of(Reported, events)]
    assert len(epochs) == len(set(epochs))
    for line in journal.read_text().splitlines():
        json.loads(line)


def test_a_worker_does_not_grow(tmp_path: Path, small_split: TrialData) -> None:
    """Fifty real trials of all kinds of families on one worker."""
    sizes: list[int] = []

    def measure(event: Event) -> None:
        if isinstance(event, Started):
            sizes.append(psutil.Process(event.pid).memory_info().rss)

    run_config = fakes.run_config(budget=51, max_epochs=2, scheduler="none", sampler="random")
    with Journal(tmp_path / "journal.jsonl") as journal:
        run_search(tmp_path, run_config, real.small_space(small_split), small_split, journal, on_event=measure)
        assert {trial.state for trial in trials(journal.events).values()} == {"completed"}
    assert len(sizes) == 51
    assert sizes[50] < 1.1 * sizes[5]


class _OneSlowTraining(fakes.FakeTrial):
    """Of late: its preset, which takes three seconds; what else is drawn of it fails at once."""

    def step(self) -> fakes.Report:
        if self.config.family == "late":
            if self.config.x != 0.5:
                raise ValueError("no such layer")
            time.sleep(0.3)
        return super().step()


def test_a_worker_waits_for_the_first_training_of_a_slow_family_and_is_asked_again(tmp_path: Path) -> None:
    """quick is done long before: of the 4 trials beyond the floors it gets 2 until late can be compared."""
    events = _search(tmp_path / "run", trial_type=_OneSlowTraining, budget=8, concurrency=2)
    late = next(e.trial_id for e in of(Proposed, events) if e.family == "late")
    end = next(i for i, e in enumerate(events) if isinstance(e, Ended) and e.trial_id == late)
    before = [e.family for e in of(Proposed, events[:end])]
    assert before.count("quick") <= 2 + 2
    assert len(trials(events)) == 8
    assert trials(events)[late].state == "completed"

"""What a search does when the disk is full, or when the user does not want to wait for it to end in order."""

import errno
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import BaseTrial

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.search.journal import Event, Journal, read, trials
from hsiauto.search.workers.driver import LeftAtOnce, run_search
from tests.search import fakes

pytestmark = pytest.mark.usefixtures("ray_session")


def _search(folder: Path, journal: Journal, space: fakes.FakeSpace, **options: Any) -> None:
    given: dict[str, Any] = {name: options.pop(name) for name in ("on_event", "trial_type") if name in options}
    run_search(
        folder, fakes.study(**options), space, fakes.tiny_data(), journal,
        **({"trial_type": fakes.FakeTrial} | given), parse=fakes.parse, cost=fakes.cost,
    )  # fmt: skip


class _Unwritable(fakes.FakeTrial):
    """Whose checkpoints do not fit on the disk once it has trained two epochs."""

    def save(self) -> None:
        if self.epoch > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().save()


def test_a_journal_that_cannot_be_written_ends_the_search_and_a_resume_goes_on(tmp_path: Path) -> None:
    path, space = tmp_path / "journal.jsonl", fakes.FakeSpace(("quick",))

    class FullDisk(Journal):
        def append(self, event: str, **fields: Any) -> Event:
            if len(self.events) > 20:
                raise UserError(f"writing {path} needs space", "a full disk", "Free some space and run again")
            return super().append(event, **fields)

    with pytest.raises(UserError, match="a full disk"), FullDisk(path) as journal:
        _search(tmp_path, journal, space, budget=5)
    assert len(read(path)) == 21
    with Journal(path) as again:
        _search(tmp_path, again, space, budget=5)
        found = trials(again.events).values()
    assert len(found) == 5
    assert all(trial.ended for trial in found)
    reports = [(e["trial_id"], e["epoch"]) for e in read(path) if e["event"] == "report"]
    assert len(reports) == len(set(reports))


def test_a_checkpoint_that_cannot_be_written_fails_its_trial_which_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        _search(tmp_path, journal, fakes.FakeSpace(("quick",)), budget=2, keep="all", trial_type=_Unwritable)
        found = trials(journal.events).values()
    assert [trial.state for trial in found] == ["failed", "failed"]
    assert all("No space left on device" in trial.error for trial in found)


def test_the_second_ctrl_c_leaves_at_once_with_a_whole_journal(tmp_path: Path) -> None:
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    def press_twice() -> None:
        """The second soon after Tune has taken the first: then it has put the handler of before back."""
        tunes = signal.getsignal(signal.SIGINT)
        press()
        while signal.getsignal(signal.SIGINT) is tunes and time.monotonic() < pressed[0] + 10:
            time.sleep(0.002)
        time.sleep(0.2)
        press()

    def watch(event: Event) -> None:
        if event["event"] == "started" and event["trial_id"] == "t0002":
            threading.Timer(0.3, press_twice).start()

    class HangsNext(fakes.FakeSpace):
        def suggest(self, trial: BaseTrial, family: str) -> FamilyConfig:
            return fakes.parse({"family": family, "x": trial.suggest_float(f"{family}.x", 0, 1), "mode": "hang"})

    space = HangsNext(("quick",), modes=("train", "hang"))
    with Journal(tmp_path / "journal.jsonl") as journal:
        with pytest.raises(LeftAtOnce):
            _search(tmp_path, journal, space, budget=3, on_event=watch)
        assert time.monotonic() - pressed[1] < 5
    first, second = trials(read(tmp_path / "journal.jsonl")).values()
    assert first.state == "completed"
    assert (second.state, second.error) == ("interrupted", "interrupted by the user")
    os.kill(second.pid, signal.SIGKILL)  # it sleeps on, in the Ray of the other tests

"""What a search does when the disk is full, or when the user does not want to wait for it to end in order."""

import errno
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from optuna.trial import BaseTrial
from ray import cloudpickle
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig
from hsiauto.search.events import Event, Reported, Started, of
from hsiauto.search.journal import Journal, read
from hsiauto.search.trials import trials
from hsiauto.search.workers.driver import LeftAtOnce, run_search
from hsiauto.search.workers.faults import LONGEST_WORDS, Silence, WorkerEnd, end_of
from hsiauto.search.workers.jobs import Job
from hsiauto.search.workers.pool import run_jobs
from tests.search import fakes

pytestmark = pytest.mark.usefixtures("ray_session")


def _search(folder: Path, journal: Journal, space: fakes.FakeSpace, **options: Any) -> None:
    given: dict[str, Any] = {name: options.pop(name) for name in ("on_event", "trial_type") if name in options}
    run_search(
        folder, fakes.run_config(**options), space, fakes.tiny_data(), journal,
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
        def append(self, event: Event) -> Event:
            if len(self.events) > 20:
                raise UserError(f"writing {path} needs space", "a full disk", "Free some space and run again")
            return super().append(event)

    with pytest.raises(UserError, match="a full disk"), FullDisk(path) as journal:
        _search(tmp_path, journal, space, budget=5)
    assert len(read(path)) == 21
    with Journal(path) as again:
        _search(tmp_path, again, space, budget=5)
        found = trials(again.events).values()
    assert len(found) == 5
    assert all(trial.ended for trial in found)
    reports = [(e.trial_id, e.epoch) for e in of(Reported, read(path))]
    assert len(reports) == len(set(reports))


def test_a_full_storage_interrupts_the_search_and_a_resume_goes_on_from_the_last_checkpoint(tmp_path: Path) -> None:
    space, settings = fakes.FakeSpace(("quick",)), {"budget": 3, "keep": "all", "scheduler": "none"}
    with Journal(tmp_path / "journal.jsonl") as journal:
        with pytest.raises(UserError, match=r"a full disk .*No space left on device"):
            _search(tmp_path, journal, space, trial_type=_Unwritable, **settings)
        [found] = trials(journal.events).values()
        assert found.state == "interrupted"
        assert "its checkpoint was not saved: [Errno 28] No space left on device" in found.error
        _search(tmp_path, journal, space, **settings)
        assert {trial.state for trial in trials(journal.events).values()} == {"completed"}
    assert "goes on from epoch 1" in (tmp_path / "trials" / "t0001" / "attempt-2" / "log.txt").read_text()


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
        if isinstance(event, Started) and event.trial_id == "t0002":
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
    # Ray goes on: with all of its CPUs, and without the trial that hung.
    while ray.available_resources().get("CPU") != 2.0 or Path(f"/proc/{second.pid}").exists():
        assert time.monotonic() - pressed[1] < 60
        time.sleep(0.1)


def test_a_trial_has_hung_when_nothing_was_heard_of_it_since_it_first_ran() -> None:
    now = 0.0
    silence = Silence(10.0, clock=lambda: now)
    assert silence.hung(["a"]) == []
    now = 9.0
    silence.heard("a")
    assert silence.hung(["a", "b"]) == []
    now = 19.5
    assert silence.hung(["a", "b"]) == ["a", "b"]
    silence.heard("b")
    assert silence.hung(["a", "b"]) == ["a"]
    assert silence.hung(["b"]) == []
    assert silence.hung(["a"]) == []  # another run of the same trial begins with a clock of its own
    assert Silence(None).hung(["a"]) == []


@pytest.mark.usefixtures("ray_session")
def test_a_hung_trial_fails_and_the_search_goes_on(tmp_path: Path) -> None:
    space = fakes.FakeSpace(("quick",), modes=("train", "hang"))
    run_config = fakes.run_config(budget=4, sampler="random", scheduler="none", trial_timeout_s=1.0)
    with Journal(tmp_path / "journal.jsonl") as journal:
        run_search(
            tmp_path, run_config, space, fakes.tiny_data(), journal,
            trial_type=fakes.FakeTrial, parse=fakes.parse, cost=fakes.cost,
        )  # fmt: skip
        found = list(trials(journal.events).values())
    hung = [trial for trial in found if trial.config["mode"] == "hang"]
    assert len(found) == 4
    assert {(trial.state, trial.error) for trial in hung} == {("failed", "no report for 1 s (`trial_timeout`)")}
    assert {trial.state for trial in found if trial not in hung} == {"completed"}
    assert len({trial.pid for trial in found}) == len(hung) + (found[-1] not in hung)  # a new worker after each


@pytest.mark.usefixtures("ray_session")
def test_a_hung_job_fails_and_the_others_are_trained() -> None:
    jobs = [
        Job(mode, fakes.parse({"family": "quick", "mode": mode}), "split", 0, max_epochs=epochs)
        for mode, epochs in (("slow", 10), ("hang", 1), ("train", 1))
    ]
    run_config = fakes.run_config(concurrency=1, trial_timeout_s=2.0)
    found = run_jobs(jobs, {"split": fakes.tiny_data()}, run_config, trial_type=fakes.ModellessTrial)
    assert {result.key: (result.state, result.error) for result in found} == {
        "slow": ("completed", ""),  # longer than the limit, but with a report in between
        "hang": ("failed", "no report for 2 s (`trial_timeout`)"),
        "train": ("completed", ""),
    }


DIED = """The actor died unexpectedly before finishing this task.
\tclass_name: TrialWorker
\tactor_id: 0123
\tpid: 77
\tnamespace: 4567
\tip: 10.0.0.1
The actor died because its node has died. Node Id: 89ab
"""


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (
            RayActorError("0123", DIED),
            WorkerEnd(
                False, "pid: 77, ip: 10.0.0.1, The actor died because its node has died. Node Id: 89ab", "10.0.0.1"
            ),
        ),
        (RayActorError("0123", "gone"), WorkerEnd(False, "gone")),
        (
            RayActorError("0123", "no module (pid=7, ip=10.0.0.2)\nx", actor_init_failed=True),
            WorkerEnd(True, "x", "10.0.0.2"),
        ),
        (ActorUnavailableError("no answer", None), None),
        (RayTaskError("step", "a trace", ValueError("CUDA error: 7")), WorkerEnd(True, "ValueError: CUDA error: 7")),
    ],
)
def test_a_raised_error_is_told_from_a_lost_process(tmp_path: Path, error: Exception, end: WorkerEnd | None) -> None:
    path = tmp_path / "error.pkl"
    path.write_bytes(cloudpickle.dumps(error))
    found = end_of(SimpleNamespace(pickled_error_file=str(path), error_file=None))
    if end is not None:
        assert found == end
    assert found.raised == isinstance(error, RayTaskError) or error.actor_init_failed  # type: ignore[attr-defined]


def test_without_a_pickle_the_text_tells_and_without_either_nothing_is_known(tmp_path: Path) -> None:
    text = tmp_path / "error.txt"
    text.write_text("Failure # 1\n  File x\nray.exceptions.OwnerDiedError: " + "lost " * LONGEST_WORDS)
    told = end_of(SimpleNamespace(pickled_error_file=str(tmp_path / "none"), error_file=str(text)))
    assert not told.raised
    assert told.words.startswith("ray.exceptions.OwnerDiedError: lost")
    assert len(told.words) <= LONGEST_WORDS
    assert end_of(SimpleNamespace(pickled_error_file=None, error_file=None)) == WorkerEnd(False, "Ray gave no reason")

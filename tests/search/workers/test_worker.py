"""TrialWorker without Ray: what a trial is given, and what its faults become."""

import errno
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from hsiauto.search.workers import trainable
from hsiauto.search.workers.storage import Storage, folder_storage, open_storage
from hsiauto.search.workers.trainable import Setting, TrialWorker
from hsiauto.training.memory import OutOfMemory
from hsiauto.training.trial import Report
from tests.search import fakes


class GivenTrial(fakes.FakeTrial):
    """Notes its arguments; finds no memory in its second epoch."""

    given: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, config: Any, data: Any, *, n_devices: int = 1, **options: Any) -> None:
        super().__init__(config, data, **options)
        self.given.append({"n_devices": n_devices, "n_threads": options["n_threads"]})

    def step(self) -> Report:
        if self.epoch == 1:
            raise OutOfMemory("out of memory with 8 samples at once, at 5.00 GiB", 5 << 30)
        return super().step()


@pytest.fixture
def thawed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker freezes what its process has imported."""
    monkeypatch.setattr(trainable, "node_of_this_process", lambda: "n1")  # which may have no Ray
    yield
    gc.unfreeze()


def worker(folder: Path, **changes: Any) -> TrialWorker:
    fields: dict[str, Any] = {
        "data": fakes.tiny_data(),
        "storage": folder_storage(folder),
        "seed": 0,
        "max_epochs": 4,
        "device": "cpu",
        "n_devices": 1,
        "threads": 1,
        "save_always": False,
        "times_inference": False,
        "parse": fakes.parse,
        "trial_type": GivenTrial,
    }
    made = TrialWorker.__new__(TrialWorker)  # Tune's own __init__ wants a place in a cluster
    config = {"trial_id": "t0001", "attempt": 1, "epochs_known": 0, "config": {"family": "quick"}}
    made.setup(config, Setting(**(fields | changes)))
    return made


@pytest.mark.usefixtures("thawed")
@pytest.mark.parametrize(("n_devices", "threads"), [(1, 3), (2, 8)])
def test_a_trial_gets_the_threads_and_devices_of_its_request(n_devices: int, threads: int, tmp_path: Path) -> None:
    made = worker(tmp_path, n_devices=n_devices, threads=threads)
    assert made.step() == {"message": "here", "node_id": "n1"}
    assert made.step()["message"] == "started"
    assert GivenTrial.given[-1] == {"n_devices": n_devices, "n_threads": threads}


@pytest.mark.usefixtures("thawed")
def test_a_trial_that_memory_ends_fails_with_its_peak_and_leaves_the_worker_whole(tmp_path: Path) -> None:
    made = worker(tmp_path)
    assert [made.step()["message"] for _ in range(3)] == ["here", "started", "report"]
    failed = made.step()
    assert failed["is_own"]
    assert (failed["message"], failed["peak_memory_bytes"]) == ("failed", 5 << 30)
    assert failed["error"] == "out of memory with 8 samples at once, at 5.00 GiB"
    assert made.reset_config({"trial_id": "t0002", "attempt": 1, "epochs_known": 0, "config": {"family": "late"}})
    assert [made.step()["message"] for _ in range(2)] == ["here", "started"]


@pytest.mark.usefixtures("thawed")
def test_a_trial_is_gone_before_the_next_one_and_what_stays_is_not_walked_again(tmp_path: Path) -> None:
    made = worker(tmp_path)
    for number in (2, 3):
        assert [made.step()["message"] for _ in range(2)] == ["here", "started"]
        trial = made._trial
        vars(trial)["itself"], gone = trial, weakref.ref(trial)  # a cycle, as a trainer is one
        del trial
        frozen = gc.get_freeze_count()
        made.reset_config({"trial_id": f"t000{number}", "attempt": 1, "epochs_known": 0, "config": {"family": "late"}})
        assert gone() is None
        assert gc.get_freeze_count() > frozen


@pytest.mark.usefixtures("thawed")
@pytest.mark.parametrize("error", [ValueError("no such layer"), PermissionError("not yours")])
def test_a_folder_or_a_model_that_cannot_be_made_is_a_failure_that_may_be_the_machines(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never one of the worker's process, which says where it is before it tries."""

    def fails(*_: Any, **__: Any) -> Path:
        raise error

    if isinstance(error, OSError):
        monkeypatch.setattr(Storage, "begin", fails)
    else:
        monkeypatch.setattr(GivenTrial, "__init__", fails)
    made = worker(tmp_path)
    assert made.step()["message"] == "here"
    failed = made.step()
    assert (failed["message"], failed["is_own"]) == ("failed", False)
    assert str(error) in failed["error"]
    made.cleanup()


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("thawed")
@pytest.mark.parametrize(
    ("where", "error", "is_shared", "told"),
    [
        ("save", FULL, True, ("unsaved", True)),
        ("save", FULL, False, ("unsaved", False)),  # the worker's own disk, or a quota of a bucket
        ("save", OSError(errno.EIO, "bucket away"), False, ("unsaved", False)),
        ("save", ValueError("of the model"), True, ("failed", None)),
        ("begin", FULL, True, ("unsaved", True)),
        ("begin", FULL, False, ("failed", None)),  # another machine may have space
    ],
)
def test_what_keeps_a_checkpoint_from_being_saved_fails_no_trial(
    where: str, error: Exception, is_shared: bool, told: tuple[str, bool | None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(*{"save": (GivenTrial, "save"), "begin": (Storage, "begin")}[where], fails)
    storage = folder_storage(tmp_path) if is_shared else open_storage(f"file://{tmp_path}", tmp_path)
    made, last = worker(tmp_path, storage=storage, save_always=True, trial_type=GivenTrial), {"message": ""}
    while last["message"] not in ("unsaved", "failed"):
        last = made.step()
    assert (last["message"], last.get("is_full")) == told
    assert str(error) in last["error"]
    made.cleanup()


@pytest.mark.usefixtures("thawed")
def test_a_trial_that_began_anew_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GivenTrial, "note", "began anew")
    made = worker(tmp_path)
    made.step()
    assert made.step()["note"] == "began anew"


@pytest.mark.usefixtures("thawed")
def test_a_lack_of_memory_is_no_lost_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost one would cost the worker its process."""
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)

    def raises(words: str) -> Any:
        def step(_: Any) -> Report:
            raise RuntimeError(words)

        return step

    made = worker(tmp_path)
    made.step()
    made.step()
    monkeypatch.setattr(GivenTrial, "step", raises("CUDA error: out of memory"))
    assert made.step()["message"] == "failed"
    made = worker(tmp_path)
    made.step()
    made.step()
    monkeypatch.setattr(GivenTrial, "step", raises("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal"):
        made.step()

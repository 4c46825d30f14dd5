import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from hsiauto.training import threads
from hsiauto.training.threads import flushed_denormals, use_threads
from hsiauto.training.trainer import Trainer
from hsiauto.training.trial import Trial
from tests.training.test_trainer import CNN, DATA


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    before = torch.get_num_threads()
    yield
    use_threads(before)


@pytest.mark.parametrize("n", [1, 2])
def test_all_libraries_use_as_many_threads_as_were_asked_for(n: int) -> None:
    assert np.eye(2).sum() == 2  # a BLAS is loaded
    use_threads(n)
    assert torch.get_num_threads() == n
    assert os.environ["OMP_NUM_THREADS"] == str(n)
    info = threadpool_info()
    assert {pool["num_threads"] for pool in info if pool["user_api"] == "openmp"} == {n}
    assert {pool["num_threads"] for pool in info if pool["user_api"] == "blas"} == {n}


def test_the_libraries_of_the_process_are_looked_through_when_the_number_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[int] = []
    monkeypatch.setattr(threads, "threadpool_limits", limits.append)
    monkeypatch.setattr(threads, "_limit", None)
    for n in (1, 1, 2, 2, 1):
        use_threads(n)
    assert limits == [1, 2, 1]


def test_a_trial_uses_its_threads_and_divides_them_among_its_devices() -> None:
    Trial(CNN, DATA, seed=0, max_epochs=1, n_threads=4)
    assert torch.get_num_threads() == 4
    Trial(CNN, DATA, seed=0, max_epochs=1, n_threads=4, n_devices=2)
    assert torch.get_num_threads() == 2


def _tiny() -> float:
    """What is left of half the smallest normal number."""
    return float(torch.tensor(torch.finfo(torch.float32).tiny) * 0.5)


def test_denormals_are_flushed_within_alone() -> None:
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot flush denormals")
    assert _tiny() > 0
    with flushed_denormals():
        assert _tiny() == 0
    assert _tiny() > 0


def test_a_training_flushes_denormals(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor cannot flush denormals")
    seen: list[float] = []
    monkeypatch.setattr(Trainer, "_check", lambda *_: seen.append(_tiny()))
    Trial(CNN, DATA, seed=0, max_epochs=1).step()
    assert seen == [0.0]
    assert _tiny() > 0

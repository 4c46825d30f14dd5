"""Two ranks on a CPU (gloo): the gradients of one process, the same weights everywhere, and faults that end."""

import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from hsiauto.families.base import Criterion, PixelConfig, TorchConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.cssmamba import CssMambaConfig
from hsiauto.training.parallel import PRELOADED, ParallelTrainer, RankFault
from hsiauto.training.ranks import Ranks
from hsiauto.training.trainer import Diverged, Trainer
from hsiauto.training.trial import Trial
from tests.training.test_out_of_memory import GreedyConfig
from tests.training.test_trainer import CNN, DATA, BoundaryConfig, LineConfig, RunawayConfig, same

NO_STATISTICS: list[TorchConfig] = [
    Cnn3dConfig(components=8, batch_size=45, class_weighting="balanced", label_smoothing=0.1),
    LineConfig(tile=8, batch_size=90, class_weighting="balanced"),
    GreedyConfig(batch_size=89),  # and a batch of one sample joins it, or is left to rank 0
]
"""Without dropout, noise and BatchNorm: ranks add up to one process."""
WITH_STATISTICS: list[TorchConfig] = [
    CNN,  # dropout, band dropout, BatchNorm
    BoundaryConfig(batch_size=29),  # BatchNorm, a warm start, a last batch too small to share
    CssMambaConfig(width=8, blocks=1, tile=8, batch_size=20),  # moving centres
]


def rank(place: Ranks, meeting: str, line: "Connection[Any, Any] | None") -> list[dict[str, Any]]:
    """Of each config: the gradients of the first step, and the state after an epoch."""
    torch.set_num_threads(1)
    place.join(Path(meeting), torch.device("cpu"), timeout_s=30)
    found = []
    for config in (*NO_STATISTICS, *WITH_STATISTICS):
        trainer = Trainer(config, DATA, seed=0, max_epochs=2, ranks=place)
        next(trainer.steps())
        gradients = {name: p.grad.numpy() for name, p in trainer.module.named_parameters() if p.grad is not None}
        trainer = Trainer(config, DATA, seed=0, max_epochs=2, ranks=place)
        loss = trainer.train()
        weights = {name: tensor.numpy() for name, tensor in trainer.module.state_dict().items()}
        found.append({"gradients": gradients, "weights": weights, "loss": loss})
    place.leave(in_order=True)
    if line is not None:
        line.send(found)
    return found


@pytest.fixture(scope="module")
def both() -> list[list[dict[str, Any]]]:
    """What ranks 0 and 1 found."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED, __name__])
    with tempfile.TemporaryDirectory() as folder:
        here, there = context.Pipe()
        meeting = str(Path(folder) / "meeting")
        other = context.Process(target=rank, args=(Ranks(1, 2), meeting, there), daemon=True)
        other.start()
        first = rank(Ranks(0, 2), meeting, None)
        second = here.recv()
        other.join()
    return [first, second]


@pytest.mark.parametrize("n", range(len(NO_STATISTICS)), ids=lambda n: NO_STATISTICS[n].family)
def test_the_gradients_of_the_first_step_are_those_of_one_process(both: list[list[dict[str, Any]]], n: int) -> None:
    alone = Trainer(NO_STATISTICS[n], DATA, seed=0, max_epochs=2)
    next(alone.steps())
    expected = {name: p.grad for name, p in alone.module.named_parameters() if p.grad is not None}
    for found in both:
        gradients = found[n]["gradients"]
        assert gradients.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(torch.from_numpy(gradients[name]), gradient, rtol=0, atol=1e-5)


def test_without_statistics_an_epoch_is_that_of_one_process(both: list[list[dict[str, Any]]]) -> None:
    for n, config in enumerate(NO_STATISTICS):
        alone = Trainer(config, DATA, seed=0, max_epochs=2)
        loss = alone.train()
        assert both[0][n]["loss"] == pytest.approx(loss, abs=1e-5)
        for name, tensor in alone.module.state_dict().items():
            torch.testing.assert_close(torch.from_numpy(both[0][n]["weights"][name]), tensor, rtol=0, atol=1e-4)


@pytest.mark.parametrize("n", range(len(NO_STATISTICS) + len(WITH_STATISTICS)))
def test_ranks_hold_identical_weights_and_buffers_after_an_epoch(both: list[list[dict[str, Any]]], n: int) -> None:
    first, second = ({k: torch.from_numpy(v) for k, v in found[n]["weights"].items()} for found in both)
    assert same(first, second)
    assert both[0][n]["loss"] == both[1][n]["loss"]


def test_dropout_differs_between_ranks_and_the_common_state_does_not() -> None:
    common = [torch.Generator().manual_seed(3) for _ in range(2)]
    drawn = []
    for number, generator in enumerate(common):
        with torch.random.fork_rng(devices=[]):
            Ranks(number, 2).seed_own(generator)
            drawn.append(torch.rand(4))
    assert not torch.equal(*drawn)
    assert torch.equal(common[0].get_state(), common[1].get_state())


@pytest.mark.parametrize(("n", "least", "expected"), [(9, 2, [4, 5]), (3, 2, [3, 0]), (1, 2, [1, 0]), (2, 1, [1, 1])])
def test_a_short_batch_leaves_no_rank_a_single_sample(n: int, least: int, expected: list[int]) -> None:
    own = [Ranks(number, 2).own(n, least) for number in range(2)]
    assert [part.stop - part.start for part in own] == expected


def parallel(config: TorchConfig, seed: int = 0, max_epochs: int = 3, **options: Any) -> ParallelTrainer:
    return ParallelTrainer(
        config, DATA, seed=seed, max_epochs=max_epochs, device="cpu", n_devices=2, n_threads=1, **options
    )


def test_a_parallel_training_reports_and_resumes_exactly(tmp_path: Path) -> None:
    whole = parallel(CNN)
    epochs = list(whole.run(3))
    first = parallel(CNN)
    list(first.run(1))
    torch.save(first.state(), tmp_path / "state.pt")
    del first
    second = parallel(CNN, seed=1)  # whatever its own seed, the state rules
    second.load(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed = list(second.run(3))
    assert [epoch.epoch for epoch in resumed] == [2, 3]
    assert [(e.train_loss, e.val_loss) for e in resumed] == [(e.train_loss, e.val_loss) for e in epochs[1:]]
    assert same(whole.fitted().weights(), second.fitted().weights())
    assert epochs[-1].scores is not None
    p = whole.fitted().probabilities(DATA.cube, DATA.valid, DATA.val_pixels)
    assert epochs[-1].scores.oa == pytest.approx((p.argmax(1) == DATA.val_labels).mean())


def test_its_processes_leave_with_the_last_epoch_and_with_the_trainer() -> None:
    trainer = parallel(LineConfig(tile=8))
    list(trainer.run(1))
    assert len(multiprocessing.active_children()) == 1
    list(trainer.run(3))
    assert multiprocessing.active_children() == []
    stopped = parallel(LineConfig(tile=8))
    list(stopped.run(1))
    del stopped
    assert multiprocessing.active_children() == []


def test_a_trial_on_two_devices_retries_in_micro_batches() -> None:
    whole, greedy = (
        Trial(GreedyConfig(batch_size=32, most=most), DATA, seed=0, max_epochs=2, n_devices=2, n_threads=2)
        for most in (1 << 30, 9)
    )
    reports = [[trial.step() for _ in range(2)] for trial in (whole, greedy)]
    assert [[report.micro_batch for report in some] for some in reports] == [[None, None], [4, 4]]
    expected, weights = (trial.fitted().weights() for trial in (whole, greedy))  # type: ignore[attr-defined]
    for name in expected:
        torch.testing.assert_close(weights[name], expected[name], rtol=0, atol=1e-4)


class FaultyConfig(PixelConfig):
    """In its second epoch something befalls every process but the one that leads."""

    family: Literal["faulty"] = "faulty"
    fault: Literal["raise", "memory", "die", "hang", "build"] = "raise"

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        if self.fault == "build" and multiprocessing.parent_process() is not None:
            raise ValueError("no such layer")
        return Faulty(self.fault, n_bands, n_classes)


class Faulty(nn.Linear):
    def __init__(self, fault: str, n_bands: int, n_classes: int) -> None:
        super().__init__(n_bands, n_classes)
        self.fault, self.steps = fault, 0

    def training_loss(self, x: torch.Tensor, y: torch.Tensor, criterion: Criterion) -> torch.Tensor:
        self.steps += 1
        if self.steps > 2 and multiprocessing.parent_process() is not None:
            match self.fault:
                case "raise":
                    raise ValueError("no such layer")
                case "memory":
                    raise torch.OutOfMemoryError("CUDA out of memory")
                case "die":
                    os._exit(7)
                case "hang":
                    time.sleep(60)
        return criterion(self(x), y)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("raise", RankFault, r"rank 1: test_parallel.py:\d+: ValueError: no such layer"),
        ("memory", torch.OutOfMemoryError, "rank 1: .*out of memory"),
        ("die", RankFault, r"rank 1 of the training died \(exit code 7\)"),
        ("hang", RuntimeError, "Timed out"),
        ("build", RankFault, "rank 1: .*ValueError: no such layer"),
    ],
)
def test_a_fault_of_one_rank_ends_the_training_with_its_words(fault: Any, error: type[Exception], words: str) -> None:
    trainer = parallel(FaultyConfig(fault=fault, batch_size=45), timeout_s=3.0 if fault == "hang" else 30.0)
    with pytest.raises(error, match=words):
        list(trainer.run(2))
    assert trainer.epoch == (0 if fault == "build" else 1)
    assert multiprocessing.active_children() == []
    if fault == "die":
        assert len(list(parallel(LineConfig(tile=8), max_epochs=1).run(1))) == 1, "the next training is not harmed"


def test_divergence_is_divergence() -> None:
    with pytest.raises(Diverged, match="rose to"):
        list(parallel(RunawayConfig(batch_size=30), max_epochs=9).run(9))
    assert multiprocessing.active_children() == []

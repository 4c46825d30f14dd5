"""Trainer: exact resume, determinism, and the corners where trainings break."""

import gc
import weakref
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import nn

from hsiauto.families.base import Criterion, PixelConfig, TileConfig, TorchConfig
from hsiauto.families.claresnet import ClaresnetConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.metrics import log_loss
from hsiauto.models.fitted.base import scored
from hsiauto.split.seal import TrialData
from hsiauto.testing.small import cheapest
from hsiauto.training.trainer import Diverged, Epoch, Trainer
from tests.small_scene import labels, small_data

CNN = Cnn2dConfig(components=4, width=8, depth=2, patch=5, dropout=0.3, band_dropout=0.1, batch_size=16)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def with_validation(n_train: int = 90) -> TrialData:
    data = small_data(n_train)
    val = np.setdiff1d(np.flatnonzero(data.valid), data.train_pixels)[::4]
    return replace(data, val_pixels=val, val_labels=labels().ravel()[val])


DATA = with_validation()


def trained(config: TorchConfig, data: TrialData = DATA, epochs: int = 2, seed: int = 0) -> tuple[Trainer, list[Epoch]]:
    trainer = Trainer(config, data, seed=seed, max_epochs=epochs)
    return trainer, list(trainer.run(epochs))


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return trainer.fitted().weights()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class LineConfig(TileConfig):
    """A linear map of each pixel, fed tiles."""

    family: Literal["line"] = "line"
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}}

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return nn.Conv2d(n_bands, n_classes, 1)


class BoundaryConfig(PixelConfig):
    """Loses BatchNorm's two-sample guarantee on purpose, warm-starts, and has an auxiliary loss."""

    family: Literal["boundary"] = "boundary"

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Boundary(n_bands, n_classes)


class RunawayConfig(PixelConfig):
    """Its loss triples with every step."""

    family: Literal["runaway"] = "runaway"

    def build(self, n_bands: int, n_classes: int) -> nn.Module:
        return Runaway(n_bands, n_classes)


class Runaway(nn.Linear):
    factor = 1.0

    def training_loss(self, x: torch.Tensor, y: torch.Tensor, criterion: Criterion) -> torch.Tensor:
        self.factor *= 3.0
        return criterion(self(x), y) * self.factor


class Boundary(nn.Module):
    def __init__(self, n_bands: int, n_classes: int) -> None:
        super().__init__()
        self.norm, self.line = nn.BatchNorm1d(n_bands), nn.Linear(n_bands, n_classes)
        self.warm: torch.Tensor
        self.register_buffer("warm", torch.zeros(2, dtype=torch.long))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.line(self.norm(x))
        return logits

    def warm_start(self, x: torch.Tensor, y: torch.Tensor) -> None:
        assert not self.training
        self.warm.copy_(self.warm + torch.tensor([1, len(y)]))

    def training_loss(self, x: torch.Tensor, y: torch.Tensor, criterion: Criterion) -> torch.Tensor:
        return criterion(self(x), y) + 100.0


@pytest.mark.parametrize(
    "config",
    [
        CNN,
        SpectralMemoryConfig(width=8, heads=2, depth=1, prototypes_per_class=2),
        LineConfig(tile=8, band_dropout=0.2),
    ],
)
def test_four_epochs_equal_two_and_a_saved_state_and_two(config: TorchConfig, tmp_path: Any) -> None:
    whole, epochs = trained(config, epochs=4)
    first = Trainer(config, DATA, seed=0, max_epochs=4)
    list(first.run(2))
    torch.save(first.state(), tmp_path / "state.pt")
    second = Trainer(config, DATA, seed=1, max_epochs=4)  # whatever its own seed, the state rules
    second.load(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed = list(second.run(4))
    assert same(weights(whole), weights(second))
    assert [e.epoch for e in resumed] == [3, 4]
    assert [(e.train_loss, e.val_loss) for e in resumed] == [(e.train_loss, e.val_loss) for e in epochs[2:]]


def test_a_state_is_a_copy() -> None:
    trainer = Trainer(CNN, DATA, seed=0, max_epochs=3)
    list(trainer.run(1))
    state = trainer.state()
    before = {name: tensor.clone() for name, tensor in state["module"].items()}
    list(trainer.run(3))
    assert same(before, state["module"])


def test_the_seed_alone_decides_and_the_callers_random_state_is_untouched() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a, _ = trained(CNN)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    b, _ = trained(CNN)
    c, _ = trained(CNN, seed=1)
    assert same(weights(a), weights(b))
    assert not same(weights(a), weights(c))


def test_two_trainings_in_turn_do_not_disturb_each_other() -> None:
    alone, _ = trained(CNN)
    one, other = (Trainer(CNN, DATA, seed=s, max_epochs=2) for s in (0, 5))
    for _ in zip(one.run(2), other.run(2), strict=True):
        pass
    assert same(weights(one), weights(alone))


def test_validation_labels_and_pixels_change_no_weight() -> None:
    """The seal's other half: what is not for training cannot act on it."""
    poisoned = replace(DATA, val_labels=(DATA.val_labels + 1) % 3)
    none = replace(DATA, val_pixels=DATA.val_pixels[:0], val_labels=DATA.val_labels[:0])
    reference = weights(trained(CNN)[0])
    assert same(reference, weights(trained(CNN, poisoned)[0]))
    assert same(reference, weights(trained(CNN, none)[0]))


def test_unseen_pixels_change_no_weight_of_a_tile_family_in_the_context_of_training() -> None:
    rest = np.setdiff1d(np.arange(DATA.valid.size), DATA.train_pixels)
    cube = DATA.cube.copy().reshape(-1, 10)
    cube[rest] = 99.0
    other = replace(DATA, cube=cube.reshape(DATA.cube.shape))
    config = MambaHsiConfig(tile=8, width=8, blocks=1, scan="ssd", context="training")
    assert same(weights(trained(config)[0]), weights(trained(config, other)[0]))
    config = config.model_copy(update={"context": "scene"})
    assert not same(weights(trained(config)[0]), weights(trained(config, other)[0]))


@pytest.mark.parametrize("smoothing", ["none", "guided"])
@pytest.mark.parametrize("context", ["training", "scene"])
def test_a_tile_family_is_scored_with_training_pixels_absent_from_its_tiles(context: Any, smoothing: Any) -> None:
    config = MambaHsiConfig(tile=8, width=8, blocks=1, scan="ssd", context=context, smoothing=smoothing)
    trainer, [epoch] = trained(config, epochs=1)
    fitted, poisoned = trainer.fitted(), DATA.cube.copy().reshape(-1, 10)
    poisoned[DATA.train_pixels] = 99.0
    clean, same_p = (
        scored(fitted, data, DATA.val_pixels) for data in (DATA, replace(DATA, cube=poisoned.reshape(DATA.cube.shape)))
    )
    assert np.array_equal(clean, same_p)
    assert epoch.scores is not None
    assert epoch.scores.oa == pytest.approx((clean.argmax(1) == DATA.val_labels).mean())
    assert epoch.val_loss == pytest.approx(log_loss(DATA.val_labels, clean), rel=1e-4)
    assert not np.allclose(clean, fitted.probabilities(DATA.cube, DATA.valid, DATA.val_pixels), atol=1e-4)


def test_a_patch_family_is_scored_on_the_scene_as_it_is() -> None:
    fitted = trained(CNN, epochs=1)[0].fitted()
    asked = fitted.probabilities(DATA.cube, DATA.valid, DATA.val_pixels)
    assert np.array_equal(scored(fitted, DATA, DATA.val_pixels), asked)


def test_it_learns_and_scores_come_from_validation() -> None:
    trainer, epochs = trained(CNN.model_copy(update={"learning_rate": 1e-2}), epochs=12)
    assert epochs[-1].train_loss < 0.6 * epochs[0].train_loss
    assert epochs[-1].scores is not None
    p = trainer.fitted().probabilities(DATA.cube, DATA.valid, DATA.val_pixels)
    assert epochs[-1].scores.oa == pytest.approx((p.argmax(1) == DATA.val_labels).mean())
    assert epochs[-1].scores.oa > 0.8
    expected = -np.log(p[np.arange(len(p)), DATA.val_labels]).mean()
    assert epochs[-1].val_loss == pytest.approx(expected, rel=1e-4)


def test_a_tile_family_learns() -> None:
    trainer, epochs = trained(LineConfig(tile=8, learning_rate=0.05, batch_size=16), epochs=10)
    assert epochs[-1].scores is not None
    assert epochs[-1].scores.oa > 0.75
    p = trainer.fitted().probabilities(DATA.cube, DATA.valid, DATA.val_pixels)
    assert epochs[-1].scores.oa == pytest.approx((p.argmax(1) == DATA.val_labels).mean())


def test_without_validation_there_is_no_score() -> None:
    _, [epoch] = trained(CNN, small_data(), epochs=1)
    assert epoch.scores is None
    assert np.isnan(epoch.val_loss)


@pytest.mark.parametrize(("n_train", "batch_size"), [(65, 64), (9, 1), (2, 1), (17, 16)])
@pytest.mark.parametrize("config", [BoundaryConfig(), Cnn2dConfig(width=4, depth=2, patch=5)])  # 1 x 1 at the end
def test_batches_of_one_sample_train(config: TorchConfig, n_train: int, batch_size: int) -> None:
    config = config.model_copy(update={"batch_size": batch_size})
    trainer, epochs = trained(config, with_validation(n_train))
    assert np.isfinite(epochs[-1].val_loss)
    assert all(t.isfinite().all() for t in weights(trainer).values())


@pytest.mark.parametrize("config", [CNN, BoundaryConfig(), LineConfig(tile=8)])
@pytest.mark.parametrize("weighting", ["none", "balanced"])
def test_one_labelled_pixel_in_a_class_and_none_in_another(config: TorchConfig, weighting: str) -> None:
    chosen = np.concatenate([np.flatnonzero(DATA.train_labels == 0), np.flatnonzero(DATA.train_labels == 1)[:1]])
    few = replace(DATA, train_pixels=DATA.train_pixels[chosen], train_labels=DATA.train_labels[chosen])
    _, epochs = trained(config.model_copy(update={"class_weighting": weighting}), few)
    assert np.isfinite(epochs[-1].train_loss)


def test_hooks_of_a_module_are_used_and_the_warm_start_comes_once() -> None:
    trainer, epochs = trained(BoundaryConfig(), epochs=3)
    assert weights(trainer)["warm"].tolist() == [1, 90]
    assert epochs[0].train_loss > 100


@pytest.mark.parametrize(
    ("axis", "value"),
    [
        ("learning_rate", 3e-3),
        ("weight_decay", 0.5),
        ("optimizer", "adam"),
        ("schedule", "constant"),
        ("schedule", "onecycle"),
        ("batch_size", 32),
        ("label_smoothing", 0.2),
        ("band_dropout", 0.5),
        ("class_weighting", "balanced"),
        ("components", 3),
        ("whiten", False),
        ("patch", 7),
        ("augmentation", "none"),
        ("augmentation", "flip"),
    ],
)
def test_every_shared_axis_moves_the_training(axis: str, value: object) -> None:
    plain = CNN.model_copy(update={"weight_decay": 0.01})
    reference = weights(trained(plain)[0])
    moved = weights(trained(plain.model_copy(update={axis: value}))[0])
    assert not same(reference, moved)


def test_a_loss_that_is_not_finite_stops_with_a_reason() -> None:
    with pytest.raises(Diverged, match=r"became (nan|inf) in epoch"):
        trained(RunawayConfig(batch_size=1), epochs=9)  # 3 ** 90 is beyond float32


def test_a_loss_that_runs_away_stops_with_a_reason() -> None:
    with pytest.raises(Diverged, match=r"rose to .* in epoch 2, beyond"):
        trained(RunawayConfig(batch_size=30), epochs=9)


def test_a_nan_in_the_data_is_divergence_in_words() -> None:
    cube = DATA.cube.copy()
    cube.reshape(-1, 10)[DATA.val_pixels[0]] = np.inf
    with pytest.raises(Diverged, match="validation loss"):
        trained(BoundaryConfig(), replace(DATA, cube=cube))


def test_weights_of_a_copied_recurrence_lie_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN would gather them at every call; on a CPU flattening does nothing, and is counted."""
    flattened: list[nn.RNNBase] = []
    trainer = Trainer(cheapest(ClaresnetConfig, n_bands=10), DATA, seed=0, max_epochs=1)
    monkeypatch.setattr(nn.RNNBase, "flatten_parameters", lambda part: flattened.append(part))
    recurrences = [part for part in trainer.fitted().module.modules() if isinstance(part, nn.RNNBase)]
    assert recurrences
    assert recurrences == flattened


def test_a_trainer_that_is_done_leaves_at_once() -> None:
    """It holds memory of a device, which the next trial wants: no cycle of references waits for the collector."""
    gc.collect()
    gc.disable()
    try:
        trainer = trained(CNN, epochs=1)[0]
        gone = weakref.ref(trainer), weakref.ref(trainer.module)
        del trainer
        assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()

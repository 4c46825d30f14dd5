"""What every torch family must be, tested over the registry: a new family is tested with no new test code."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import annotated_types
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hsiauto.families import FAMILIES
from hsiauto.families.base import AtLeast, PatchConfig, PixelConfig, TileConfig, TorchConfig
from hsiauto.seal import TrialData
from hsiauto.trainer import Trainer

TORCH = {name: config for name, config in FAMILIES.items() if issubclass(config, TorchConfig)}
PRESETS = [(name, preset) for name, config in TORCH.items() for preset in config.presets]
BANDS, CLASSES, SIDE = 12, 3, 14
SMALL_TILE = 8
"""A tile family is the same network at every tile; this one is cheap, and smaller than the scene."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for one another on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scene(singleton: bool = False) -> TrialData:
    """14 x 14 pixels, 12 noisy bands, 3 classes in stripes, 40 training pixels; `singleton`: one pixel in class 2."""
    rng = np.random.default_rng(0)
    truth = np.arange(SIDE * SIDE) // SIDE // 3 % CLASSES
    spectra = rng.normal(size=(CLASSES, BANDS))
    cube = spectra[truth].reshape(SIDE, SIDE, BANDS) + 0.5 * rng.normal(size=(SIDE, SIDE, BANDS))
    pixels = rng.permutation(SIDE * SIDE)
    if singleton:
        rare = pixels[truth[pixels] == 2]
        pixels = np.concatenate([rare[:1], pixels[truth[pixels] != 2]])
    train, val = np.sort(pixels[:40]), np.sort(pixels[40:70])
    return TrialData(
        cube=cube.astype(np.float32),
        valid=np.ones((SIDE, SIDE), bool),
        n_classes=CLASSES,
        train_pixels=train,
        train_labels=truth[train],
        val_pixels=val,
        val_labels=truth[val],
    )


def family_config(family: str, preset: str, n_bands: int = BANDS) -> TorchConfig:
    config = TORCH[family].preset(preset).bounded(n_bands, 1000)
    if isinstance(config, TileConfig):
        config = type(config)(**{**config.active(), "tile": SMALL_TILE})
    assert isinstance(config, TorchConfig)
    return config


def module_and_input(
    config: TorchConfig, n_bands: int = BANDS, n_classes: int = CLASSES, n_samples: int = 5
) -> tuple[nn.Module, Tensor]:
    """The untrained module from seed 0, in evaluation mode, and a batch for it."""
    n_channels = config.components or n_bands
    shape: tuple[int, ...] = (n_samples, n_channels)
    if isinstance(config, PatchConfig):
        shape += (config.patch, config.patch)
    elif isinstance(config, TileConfig):
        shape += (config.tile, config.tile)
    else:
        assert isinstance(config, PixelConfig)
    torch.manual_seed(0)
    module = config.build(n_channels, n_classes).eval()
    return module, torch.randn(shape)


@torch.no_grad()
def warm(module: nn.Module, x: Tensor, y: Tensor) -> nn.Module:
    warm_start = getattr(module, "warm_start", None)
    if warm_start is not None:
        warm_start(x, y)
    return module


def labels_like(config: TorchConfig, x: Tensor) -> Tensor:
    shape = (len(x), *x.shape[2:]) if isinstance(config, TileConfig) else (len(x),)
    return torch.randint(CLASSES, shape)


@pytest.mark.parametrize("family", TORCH)
def test_the_paper_preset_is_there_and_fits_a_scene_of_4_bands(family: str) -> None:
    config = TORCH[family].preset("paper")
    assert config.family == family
    assert config == type(config)(**config.active())
    smallest = config.bounded(4, 1000)
    assert isinstance(smallest, TorchConfig)
    assert smallest.components <= 4
    assert smallest == smallest.bounded(4, 1000)


@pytest.mark.parametrize(("family", "preset"), PRESETS)
@pytest.mark.parametrize(("n_bands", "n_classes"), [(4, 2), (30, 30), (200, 16), (224, 9)])
def test_logits_have_their_shape(family: str, preset: str, n_bands: int, n_classes: int) -> None:
    config = family_config(family, preset, n_bands)
    module, x = module_and_input(config, n_bands, n_classes, n_samples=2)
    for n_samples in (1, 2):
        with torch.no_grad():
            logits = module(x[:n_samples])
        spatial = x.shape[2:] if isinstance(config, TileConfig) else ()
        assert logits.shape == (n_samples, n_classes, *spatial)
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_the_gradient_reaches_every_parameter(family: str, preset: str) -> None:
    """Or the module names it in `unused_parameters`, {name: reason}."""
    config = family_config(family, preset)
    module, x = module_and_input(config)
    y = labels_like(config, x)
    warm(module, x, y).train()
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    training_loss = getattr(module, "training_loss", None)
    loss = training_loss(x, y, criterion) if training_loss is not None else criterion(module(x), y)
    assert loss.shape == ()
    loss.backward()
    unused: dict[str, str] = getattr(module, "unused_parameters", {})
    without = {n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()}
    assert without == set(unused)
    assert all(unused.values()), "each unused parameter needs its reason"


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_a_sample_is_evaluated_alone_as_in_any_batch(family: str, preset: str) -> None:
    module, x = module_and_input(family_config(family, preset))
    with torch.no_grad():
        alone, together, reversed_ = module(x[:1]), module(x), module(x.flip(0)).flip(0)
    torch.testing.assert_close(alone, together[:1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(reversed_, together, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_evaluation_draws_nothing_and_changes_nothing(family: str, preset: str) -> None:
    module, x = module_and_input(family_config(family, preset))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        first, second = module(x), module(x)
    assert torch.equal(first, second)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_the_state_rebuilds_the_module_exactly(family: str, preset: str) -> None:
    config = family_config(family, preset)
    module, x = module_and_input(config)
    warm(module, x, labels_like(config, x))
    torch.manual_seed(1)
    other = config.build(config.components or BANDS, CLASSES).eval()
    other.load_state_dict(module.state_dict())
    with torch.no_grad():
        assert torch.equal(module(x), other(x))


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_the_seed_makes_the_weights(family: str, preset: str) -> None:
    config = family_config(family, preset)
    built = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        module = config.build(config.components or BANDS, CLASSES).eval()
        _, x = module_and_input(config, n_samples=40)
        torch.manual_seed(seed)
        built.append(warm(module, x, labels_like(config, x)).state_dict())
    first, same, other = built
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("family", TORCH)
def test_one_training_pixel_in_a_class_is_enough(family: str) -> None:
    data = scene(singleton=True)
    assert (data.train_labels == 2).sum() == 1
    config = small(family)
    epochs = list(Trainer(config, data, seed=0, max_epochs=2, device="cpu").run(2))
    assert len(epochs) == 2
    assert all(np.isfinite([epoch.train_loss, epoch.val_loss]).all() for epoch in epochs)


# Every axis acts: moved alone, it changes the module or what the training makes of it.

AXES = [(family, name) for family, config in TORCH.items() for name in config.model_fields if name != "family"]


def small(family: str, **fields: Any) -> TorchConfig:
    """The cheapest preset, with the shared axes set so that each of them can act on 40 pixels."""
    presets = TORCH[family].presets
    cheap = dict(presets["small" if "small" in presets else "paper"])
    few = {"tile": SMALL_TILE, "batch_size": 32} if issubclass(TORCH[family], TileConfig) else {"batch_size": 8}
    merged = {**cheap, **few, "weight_decay": 0.05, "learning_rate": 5e-3, **fields}
    config = TORCH[family](**merged).bounded(BANDS, 40)
    assert isinstance(config, TorchConfig)
    return config


def enabling(config: type[TorchConfig], name: str) -> dict[str, Any]:
    """Values of the parents that make the axis `name` act."""
    values: dict[str, Any] = {}
    for parent, wanted in config.when(name).items():
        value: Any = wanted[0] if isinstance(wanted, tuple) else wanted
        if isinstance(wanted, AtLeast):
            value = type(config.model_fields[parent].default)(wanted.minimum + 2)
        values |= {**enabling(config, parent), parent: value}
    return values


def candidates(config: type[TorchConfig], name: str, value: Any) -> list[Any]:
    """Other values for the axis `name`: near ones first, then its bounds."""
    annotation = config.model_fields[name].annotation
    if get_origin(annotation) is not None:
        return [choice for choice in get_args(annotation) if choice != value]
    if annotation is bool:
        return [not value]
    bounds = config.model_fields[name].metadata
    ends: list[Any] = [b.ge for b in bounds if isinstance(b, annotated_types.Ge)]
    ends += [b.le for b in bounds if isinstance(b, annotated_types.Le)]
    near = [value // 2, value + 1, value - 1] if annotation is int else [value / 2, value + 0.3]
    return [candidate for candidate in near + ends if candidate != value]


def moved(config: TorchConfig, name: str) -> list[TorchConfig]:
    """`config` with the axis `name` at other values that are valid there."""
    others: list[TorchConfig] = []
    for value in candidates(type(config), name, getattr(config, name)):
        active = {k: v for k, v in config.active().items() if not depends(type(config), k, name)}
        try:
            other = type(config)(**{**active, name: value}).bounded(BANDS, 40)
        except ValidationError:
            continue
        if other != config:
            assert isinstance(other, TorchConfig)
            others.append(other)
    return others


def depends(config: type[TorchConfig], name: str, parent: str) -> bool:
    return any(direct == parent or depends(config, direct, parent) for direct in config.when(name))


def outcome(config: TorchConfig, data: TrialData) -> dict[str, Tensor]:
    """Weights and validation probabilities after two epochs."""
    trainer = Trainer(config, data, seed=0, max_epochs=2, device="cpu")
    list(trainer.run(2))
    fitted = trainer.fitted()
    probabilities = fitted.probabilities(data.cube, data.valid, data.val_pixels)
    return {**fitted.module.state_dict(), "probabilities of the scene": torch.from_numpy(probabilities)}


def differ(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() != other.keys() or any(
        one[name].shape != other[name].shape or not torch.equal(one[name], other[name]) for name in one
    )


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, Tensor]]:
    """Of configs trained already, by hash: most axes are compared with the same one."""
    return {}


@pytest.mark.parametrize(("family", "name"), AXES)
def test_every_axis_acts(family: str, name: str, outcomes: dict[str, dict[str, Tensor]]) -> None:
    data = scene()
    base = small(family, **enabling(TORCH[family], name))
    assert name in base.active()
    others = moved(base, name)
    assert others, f"{name} of {family} has one value only"
    key = f"{family} {base.hash()}"
    if key not in outcomes:
        outcomes[key] = outcome(base, data)
    assert others[0].hash() != base.hash()
    assert differ(outcomes[key], outcome(others[0], data))

"""What every torch family must be, tested over the registry: a new family is tested with no new test code."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, get_args, get_origin

import annotated_types
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from hsiauto.costs import macs, parameters, training_bytes
from hsiauto.families import FAMILIES
from hsiauto.families.axes import Above, AtLeast, Between
from hsiauto.families.base import FamilyConfig, PatchConfig, PixelConfig, TileConfig, TorchConfig
from hsiauto.seal import TrialData
from hsiauto.trainer import Trainer

TORCH = {name: config for name, config in FAMILIES.items() if issubclass(config, TorchConfig)}
PRESETS = [(name, preset) for name, config in TORCH.items() for preset in config.presets]
BANDS, CLASSES, SIDE = 12, 3, 14
SMALL_TILE = 8
"""A tile family is the same network at every tile; this one is cheap, and smaller than the scene."""
SMALL_PATCH = 5
"""Of trainings here; a family whose layers need more gets more."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only wait for one another on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scene(singleton: bool = False, n_bands: int = BANDS) -> TrialData:
    """14 x 14 pixels, noisy bands, 3 classes in stripes, 40 training pixels; `singleton`: one pixel in class 2."""
    rng = np.random.default_rng(0)
    truth = np.arange(SIDE * SIDE) // SIDE // 3 % CLASSES
    spectra = rng.normal(size=(CLASSES, n_bands))
    cube = spectra[truth].reshape(SIDE, SIDE, n_bands) + 0.5 * rng.normal(size=(SIDE, SIDE, n_bands))
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


def labels_like(config: TorchConfig, x: Tensor, n_classes: int = CLASSES) -> Tensor:
    shape = (len(x), *x.shape[2:]) if isinstance(config, TileConfig) else (len(x),)
    return torch.randint(n_classes, shape)


def step(module: nn.Module, config: TorchConfig, x: Tensor, y: Tensor) -> Tensor:
    """The loss that a training takes its gradient of."""
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    training_loss = getattr(module, "training_loss", None)
    loss: Tensor = training_loss(x, y, criterion) if training_loss is not None else criterion(module(x), y)
    return loss


def with_axes(config: TorchConfig, **axes: Any) -> TorchConfig:
    """`config` with other values, without the axes that cannot act beside them. Raises ValidationError."""
    values = {**config.active(), **axes}
    return type(config)(**{name: value for name, value in values.items() if type(config).acts(name, values)})


def is_valid(config: TorchConfig, **axes: Any) -> bool:
    try:
        with_axes(config, **axes)
    except ValidationError:
        return False
    return True


@cache
def cheapest_preset(family: str) -> str:
    return min(TORCH[family].presets, key=lambda preset: macs(family_config(family, preset), BANDS, CLASSES) or 0)


def cheapest(family: str, n_bands: int = BANDS) -> TorchConfig:
    """The preset with the fewest multiply-adds, on the smallest patch or tile that suits it."""
    config = family_config(family, cheapest_preset(family), n_bands)
    if isinstance(config, PatchConfig):
        sizes = range(min(SMALL_PATCH, config.patch), config.patch + 1)
        config = with_axes(config, patch=next(patch for patch in sizes if is_valid(config, patch=patch)))
    return config


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


@pytest.mark.parametrize("family", TORCH)
def test_a_tile_may_have_any_sides_and_a_patch_any_size(family: str) -> None:
    """Sides that halving does not divide, and a patch with an even side, whose centre lies beside its middle."""
    config = cheapest(family)
    if isinstance(config, TileConfig):
        module, _ = module_and_input(config)
        for shape in ((4, 4), (7, 13), (16, 9)):
            with torch.no_grad():
                assert module(torch.randn(2, config.components or BANDS, *shape)).shape == (2, CLASSES, *shape)
    elif isinstance(config, PatchConfig):
        sizes = [patch for patch in (1, 2, 8, 9, 16) if is_valid(config, patch=patch)]
        assert sizes
        for patch in sizes:
            module, x = module_and_input(with_axes(config, patch=patch))
            with torch.no_grad():
                assert module(x).shape == (len(x), CLASSES)


@pytest.mark.parametrize(("n_bands", "n_classes"), [(4, 2), (200, 30)])
@pytest.mark.parametrize("family", TORCH)
def test_a_step_of_training_has_a_finite_gradient(family: str, n_bands: int, n_classes: int) -> None:
    """Of few bands and many, and where most classes are missing from the batch."""
    config = cheapest(family, n_bands)
    module, x = module_and_input(config, n_bands, n_classes)
    y = labels_like(config, x, n_classes)
    step(warm(module, x, y).train(), config, x, y).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_costs_are_known_without_training(family: str, preset: str) -> None:
    config = family_config(family, preset)
    module, _ = module_and_input(config)
    weights = sum(p.numel() for p in module.parameters())
    assert parameters(config, BANDS, CLASSES) == weights
    assert (macs(config, BANDS, CLASSES) or 0) > 0
    assert (training_bytes(config, BANDS, CLASSES) or 0) > 4 * 4 * weights, "weights, gradients, two moments"


@pytest.mark.parametrize("family", TORCH)
def test_the_paper_preset_has_its_published_parameters(family: str) -> None:
    """Where the family declares them: (bands, classes) -> count."""
    for (n_bands, n_classes), published in TORCH[family].published_parameters.items():
        assert parameters(TORCH[family].preset("paper"), n_bands, n_classes) == published


@pytest.mark.parametrize(("family", "preset"), PRESETS)
def test_the_gradient_reaches_every_parameter(family: str, preset: str) -> None:
    """Or the module names it in `unused_parameters`, {name: reason}."""
    config = family_config(family, preset)
    module, x = module_and_input(config)
    y = labels_like(config, x)
    warm(module, x, y).train()
    loss = step(module, config, x, y)
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
    epochs = list(Trainer(small(family), data, seed=0, max_epochs=2, device="cpu").run(2))
    assert len(epochs) == 2
    assert all(np.isfinite([epoch.train_loss, epoch.val_loss]).all() for epoch in epochs)


@pytest.mark.parametrize("family", TORCH)
def test_a_training_follows_from_its_seed_and_its_training_labels_alone(family: str) -> None:
    """Losses and weights: the same again; the same where validation labels are poisoned, or nothing is validated;
    others for another seed or other training labels. So training labels alone move prototypes and centres."""
    data, config = scene(), small(family)
    losses, weights = trained(config, data)
    assert (losses, weights) == trained(config, data)
    none = np.array([], np.int64)
    assert trained(config, replace(data, val_labels=(data.val_labels + 1) % CLASSES)) == (losses, weights)
    assert trained(config, replace(data, val_pixels=none, val_labels=none)) == (losses, weights)
    assert trained(config, data, seed=1)[0] != losses
    relabelled = replace(data, train_labels=np.random.default_rng(1).permutation(data.train_labels))
    assert trained(config, relabelled)[1] != weights


def trained(config: TorchConfig, data: TrialData, seed: int = 0) -> tuple[list[float], dict[str, bytes]]:
    """(training losses, all of the module's state to the last bit) of two epochs."""
    trainer = Trainer(config, data, seed=seed, max_epochs=2, device="cpu")
    losses = [epoch.train_loss for epoch in trainer.run(2)]
    return losses, {name: value.numpy().tobytes() for name, value in trainer.fitted().weights().items()}


# Every axis acts: moved alone, it changes the module or what the training makes of it.

AXES = [(family, name) for family, config in TORCH.items() for name in config.model_fields if name != "family"]


def small(family: str, n_bands: int = BANDS, **fields: Any) -> TorchConfig:
    """The cheapest config, with the shared axes set so that each of them can act on 40 pixels."""
    tiles = issubclass(TORCH[family], TileConfig)
    shared = {"weight_decay": 0.05, "batch_size": 32 if tiles else 8, "learning_rate": 5e-3}
    config = with_axes(cheapest(family), **{**shared, **fields}).bounded(n_bands, 40)
    assert isinstance(config, TorchConfig)
    return config


def enabling(config: type[FamilyConfig], name: str) -> dict[str, Any]:
    """Values of the parents that make the axis `name` act."""
    values: dict[str, Any] = {}
    for parent, wanted in config.when(name).items():
        value: Any = wanted[0] if isinstance(wanted, tuple) else wanted
        if isinstance(value, AtLeast | Between):
            value = type(config.model_fields[parent].default)(value.minimum + 2)
        if isinstance(value, Above):
            value = type(config.model_fields[parent].default)(value.bound + 0.05)
        values |= {**enabling(config, parent), parent: value}
    return values


def bands_wanted(config: type[FamilyConfig], name: str) -> int:
    """Bands of a scene with which the axis acts, where it needs all bands to be many."""
    wanted = config.when(name).get("components")
    least = [int(one.minimum) for one in wanted if isinstance(one, AtLeast)] if isinstance(wanted, tuple) else []
    return max([BANDS, *least])


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


def moved(config: TorchConfig, name: str, n_bands: int) -> Iterator[TorchConfig]:
    """`config` with the axis `name` at other values that are valid there."""
    for value in candidates(type(config), name, getattr(config, name)):
        active = {k: v for k, v in config.active().items() if not depends(type(config), k, name)}
        try:
            other = type(config)(**{**active, name: value}).bounded(n_bands, 40)
        except ValidationError:
            continue
        if other != config:
            assert isinstance(other, TorchConfig)
            yield other


def depends(config: type[FamilyConfig], name: str, parent: str) -> bool:
    return any(direct == parent or depends(config, direct, parent) for direct in config.when(name))


def untrained(config: TorchConfig, n_bands: int) -> dict[str, Tensor]:
    """Of the module from seed 0: its state, its logits, and the loss of a step."""
    module, x = module_and_input(config, n_bands)
    y = torch.arange(len(x)) % CLASSES
    if isinstance(config, TileConfig):
        y = y[:, None, None].expand(-1, *x.shape[2:])
    found = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        found["logits"] = module(x)
        torch.manual_seed(1)
        found["loss"] = step(module.train(), config, x, y)
    return found


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
    """Seen in the untrained module, else after a training."""
    n_bands = bands_wanted(TORCH[family], name)
    base = small(family, n_bands, **enabling(TORCH[family], name))
    assert name in base.active()
    other = next(moved(base, name, n_bands), None)
    assert other is not None, f"{name} of {family} has one value only"
    assert other.hash() != base.hash()
    if differ(untrained(base, n_bands), untrained(other, n_bands)):
        return
    data = scene(n_bands=n_bands)
    key = f"{family} {n_bands} {base.hash()}"
    if key not in outcomes:
        outcomes[key] = outcome(base, data)
    assert differ(outcomes[key], outcome(other, data))

"""The contract of a torch family as tests; the base class goes on with one test a hyperparameter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hsiauto.families.base import PatchConfig, TileConfig, TorchConfig
from hsiauto.families.costs import macs, parameters, training_bytes
from hsiauto.space.load import checked, family_space
from hsiauto.split.seal import TrialData
from hsiauto.testing.every_hyperparameter import EveryHyperparameter
from hsiauto.testing.small import (
    BANDS,
    CLASSES,
    Family,
    cheapest,
    is_valid,
    labels_like,
    module_and_input,
    preset_config,
    scene,
    small,
    step,
    with_values,
)
from hsiauto.training.trainer import Trainer


def conformance(*families: type[TorchConfig]) -> type["Conformance"]:
    """A test class for pytest over the config classes of torch families: `TestMine = conformance(MyConfig)`."""
    return type("Conformance", (Conformance,), {"families": families})


class Conformance(EveryHyperparameter):
    """The tests, each over every family, preset or hyperparameter that its arguments name."""

    def test_the_paper_preset_is_there_and_fits_a_scene_of_4_bands(self, family: Family) -> None:
        config = family.preset("paper")
        assert config.family == family.model_fields["family"].default
        assert config == type(config)(**config.active())
        smallest = config.bounded(4, 1000)
        assert isinstance(smallest, TorchConfig)
        assert smallest.components <= 4
        assert smallest == smallest.bounded(4, 1000)

    def test_the_search_space_goes_with_the_config(self, family: Family) -> None:
        """The space that a family from outside brings; unified.yaml has those of the package."""
        checked(family.__name__, family_space(family.__name__, "search_space", dict(family.search_space), family))

    @pytest.mark.parametrize(("n_bands", "n_classes"), [(4, 2), (30, 30), (200, 16), (224, 9)])
    def test_logits_have_their_shape(self, family: Family, preset: str, n_bands: int, n_classes: int) -> None:
        config = preset_config(family, preset, n_bands)
        module, x = module_and_input(config, n_bands, n_classes, n_samples=2)
        for n_samples in (1, 2):
            with torch.no_grad():
                logits = module(x[:n_samples])
            spatial = x.shape[2:] if isinstance(config, TileConfig) else ()
            assert logits.shape == (n_samples, n_classes, *spatial)
            assert logits.dtype == torch.float32
            assert logits.isfinite().all()

    def test_a_tile_may_have_any_sides_and_a_patch_any_size(self, family: Family) -> None:
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
                module, x = module_and_input(with_values(config, patch=patch))
                with torch.no_grad():
                    assert module(x).shape == (len(x), CLASSES)

    @pytest.mark.parametrize(("n_bands", "n_classes"), [(4, 2), (200, 30)])
    def test_a_step_of_training_has_a_finite_gradient(self, family: Family, n_bands: int, n_classes: int) -> None:
        """With few bands and many, and with most classes missing from the batch."""
        config = cheapest(family, n_bands)
        module, x = module_and_input(config, n_bands, n_classes)
        y = labels_like(config, x, n_classes)
        step(warm(module, x, y).train(), config, x, y).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())

    def test_a_step_in_bf16_is_nearly_that_in_float32(self, family: Family) -> None:
        """Autocast, as on a GPU: no operator meets two precisions that it does not mix."""
        config = cheapest(family)
        module, x = module_and_input(config)
        y = labels_like(config, x)
        warm(module, x, y)
        with torch.no_grad():
            logits = module(x)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                rough = module(x).float()
            loss = step(module.train(), config, x, y)
        loss.backward()
        assert (rough - logits).abs().max() < 0.1 * logits.abs().max()
        assert loss.isfinite()
        assert all(p.grad is None or p.grad.isfinite().all() for p in module.parameters())

    def test_costs_are_known_without_training(self, family: Family, preset: str) -> None:
        config = preset_config(family, preset)
        module, _ = module_and_input(config)
        weights = sum(p.numel() for p in module.parameters())
        assert parameters(config, BANDS, CLASSES) == weights
        assert (macs(config, BANDS, CLASSES) or 0) > 0
        assert (training_bytes(config, BANDS, CLASSES) or 0) > 4 * 4 * weights, "weights, gradients, two moments"

    def test_the_paper_preset_has_its_published_parameters(self, family: Family) -> None:
        """Where the family declares them: (bands, classes) -> count."""
        for (n_bands, n_classes), published in family.published_parameters.items():
            assert parameters(family.preset("paper"), n_bands, n_classes) == published

    def test_the_gradient_reaches_every_parameter(self, family: Family, preset: str) -> None:
        """Or the module names it in `unused_parameters`, {name: reason}."""
        config = preset_config(family, preset)
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

    def test_a_sample_is_evaluated_alone_as_in_any_batch(self, family: Family, preset: str) -> None:
        module, x = module_and_input(preset_config(family, preset))
        with torch.no_grad():
            alone, together, reversed_ = module(x[:1]), module(x), module(x.flip(0)).flip(0)
        torch.testing.assert_close(alone, together[:1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(reversed_, together, rtol=1e-4, atol=1e-5)

    def test_evaluation_draws_nothing_and_changes_nothing(self, family: Family, preset: str) -> None:
        module, x = module_and_input(preset_config(family, preset))
        before = {name: value.clone() for name, value in module.state_dict().items()}
        with torch.no_grad():
            first, second = module(x), module(x)
        assert torch.equal(first, second)
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())

    def test_the_state_rebuilds_the_module_exactly(self, family: Family, preset: str) -> None:
        config = preset_config(family, preset)
        module, x = module_and_input(config)
        warm(module, x, labels_like(config, x))
        torch.manual_seed(1)
        other = config.build(config.components or BANDS, CLASSES).eval()
        other.load_state_dict(module.state_dict())
        with torch.no_grad():
            assert torch.equal(module(x), other(x))

    def test_the_seed_makes_the_weights(self, family: Family, preset: str) -> None:
        config = preset_config(family, preset)
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

    def test_one_training_pixel_in_a_class_is_enough(self, family: Family) -> None:
        data = scene(singleton=True)
        assert (data.train_labels == 2).sum() == 1
        epochs = list(Trainer(small(family), data, seed=0, max_epochs=2, device="cpu").run(2))
        assert len(epochs) == 2
        assert all(np.isfinite([epoch.train_loss, epoch.val_loss]).all() for epoch in epochs)

    def test_a_training_follows_from_its_seed_and_its_training_labels_alone(self, family: Family) -> None:
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


@torch.no_grad()
def warm(module: nn.Module, x: Tensor, y: Tensor) -> nn.Module:
    warm_start = getattr(module, "warm_start", None)
    if warm_start is not None:
        warm_start(x, y)
    return module


def trained(config: TorchConfig, data: TrialData, seed: int = 0) -> tuple[list[float], dict[str, bytes]]:
    """(training losses, all of the module's state to the last bit) of two epochs."""
    trainer = Trainer(config, data, seed=seed, max_epochs=2, device="cpu")
    losses = [epoch.train_loss for epoch in trainer.run(2)]
    return losses, {name: value.numpy().tobytes() for name, value in trainer.fitted().weights().items()}

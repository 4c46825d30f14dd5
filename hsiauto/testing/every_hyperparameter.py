"""Every hyperparameter of a torch family matters: moved alone, it changes the module or what training makes of it."""

from collections.abc import Iterator
from typing import Any, ClassVar, get_args, get_origin

import annotated_types
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from hsiauto.families.base import FamilyConfig, TileConfig, TorchConfig
from hsiauto.families.hyperparameters import Above, AtLeast, Between
from hsiauto.split.seal import TrialData
from hsiauto.testing.small import BANDS, CLASSES, Family, module_and_input, scene, small, step
from hsiauto.training.trainer import Trainer


class EveryHyperparameter:
    """One test for each hyperparameter of each family."""

    families: ClassVar[tuple[type[TorchConfig], ...]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Arguments of a test: `family` alone, or with `preset`, or with `name`, a hyperparameter of it."""
        wanted = [name for name in ("family", "preset", "name") if name in metafunc.fixturenames]
        cases: list[tuple[Any, ...]] = []
        for family in self.families:
            if "preset" in wanted:
                cases += [(family, preset) for preset in family.presets]
            elif "name" in wanted:
                cases += [(family, name) for name in family.model_fields if name != "family"]
            else:
                cases.append((family,))
        ids = ["-".join([case[0].model_fields["family"].default, *case[1:]]) for case in cases]
        metafunc.parametrize(wanted, cases, ids=ids)

    @pytest.fixture(autouse=True)
    def _one_thread(self) -> Iterator[None]:
        """Networks this small only wait for one another on two."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)

    @pytest.fixture(scope="class")
    def outcomes(self) -> dict[str, dict[str, Tensor]]:
        """Outcomes of configs trained already, by hash: most hyperparameters are compared with the same one."""
        return {}

    def test_every_hyperparameter_matters(
        self, family: Family, name: str, outcomes: dict[str, dict[str, Tensor]]
    ) -> None:
        """Seen in the untrained module, else after a training."""
        n_bands = bands_wanted(family, name)
        base = small(family, n_bands, **enabling(family, name))
        assert name in base.active()
        other = next(moved(base, name, n_bands), None)
        assert other is not None, f"{name} of {base.family} has one value only"
        assert other.hash() != base.hash()
        if differ(untrained(base, n_bands), untrained(other, n_bands)):
            return
        data = scene(n_bands=n_bands)
        key = f"{n_bands} {base.hash()}"
        if key not in outcomes:
            outcomes[key] = outcome(base, data)
        assert differ(outcomes[key], outcome(other, data))


def enabling(config: type[FamilyConfig], name: str) -> dict[str, Any]:
    """Values of the parents that make the hyperparameter `name` active."""
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
    """Bands of a scene with which the hyperparameter is active, if it needs all bands to be many."""
    wanted = config.when(name).get("components")
    least = [int(one.minimum) for one in wanted if isinstance(one, AtLeast)] if isinstance(wanted, tuple) else []
    return max([BANDS, *least])


def candidates(config: type[TorchConfig], name: str, value: Any) -> list[Any]:
    """Other values for the hyperparameter `name`: near ones first, then its bounds."""
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
    """`config` with the hyperparameter `name` at other values that are valid there."""
    for value in candidates(type(config), name, getattr(config, name)):
        active = {k: v for k, v in config.active().items() if not depends(type(config), k, name)}
        try:
            other = type(config)(**{**active, name: value}).bounded(n_bands, 40)
        except ValidationError:
            continue
        if other != config:
            yield other


def depends(config: type[FamilyConfig], name: str, parent: str) -> bool:
    return any(direct == parent or depends(config, direct, parent) for direct in config.when(name))


def untrained(config: TorchConfig, n_bands: int) -> dict[str, Tensor]:
    """State, logits and the loss of a step of the module from seed 0."""
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

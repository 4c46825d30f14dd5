"""Space: what is asked is valid, conditional, inside the scene, and can be replayed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from hsiauto.errors import UserError
from hsiauto.families import FAMILIES, base
from hsiauto.space import Space
from hsiauto.space.load import shipped
from hsiauto.space.ranges import Choices

optuna.logging.set_verbosity(optuna.logging.ERROR)

SCENES = {"ordinary": (200, 900, 145, 145, 16), "few bands": (8, 60, 20, 14, 3), "tiny": (8, 6, 4, 7, 2)}
SEARCHED = [name for name, config in FAMILIES.items() if config.kind in base.SEARCHED]


@pytest.fixture(scope="module")
def unified() -> Space:
    return Space.load("unified").bind(*SCENES["ordinary"])


def draws(space: Space, family: str, n: int) -> Iterator[tuple[optuna.Trial, Any]]:
    run_config = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(n):
        trial = run_config.ask()
        yield trial, space.suggest(trial, family)


@pytest.mark.parametrize("name", shipped())
def test_shipped_spaces_load_and_hold_every_preset(name: str) -> None:
    space = Space.load(name).bind(*SCENES["ordinary"])
    for family in space.families:
        assert space.preset(family) == FAMILIES[family].preset("paper")


def test_unified_has_every_family(unified: Space) -> None:
    assert set(unified.families) == set(SEARCHED)


@pytest.mark.parametrize("family", SEARCHED)
def test_fifty_draws_move_the_hyperparameters(unified: Space, family: str) -> None:
    configs = [config for _, config in draws(unified, family, 50)]
    names = unified.parts[family].searched
    moved = [name for name in names if len({getattr(config, name) for config in configs}) > 1]
    assert len(moved) >= 0.8 * len(names)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("family", SEARCHED)
def test_what_is_asked_is_what_acts_and_can_be_replayed(family: str, scene: str) -> None:
    space = Space.load("unified", families=[family]).bind(*SCENES[scene])
    n_bands, n_pixels, height, width, _ = SCENES[scene]
    for trial, config in draws(space, family, 8):
        assert config.bounded(n_bands, n_pixels) == config
        assert getattr(config, "patch", 1) <= min(height, width)
        assert trial.params == space.params(config)
        assert {name.split(".")[1] for name in trial.params} <= config.active().keys()
        assert trial.distributions == space.distributions(config)
    preset = space.preset(family)
    create_trial(value=0.0, params=space.params(preset), distributions=space.distributions(preset))  # raises if outside


def test_rules_between_axes_narrow_what_is_asked(unified: Space) -> None:
    run_config = optuna.create_study()
    run_config.enqueue_trial({"cnn2d.patch": 5})
    trial = run_config.ask()
    config = unified.suggest(trial, "cnn2d")
    assert config.active()["patch"] == 5
    assert trial.distributions["cnn2d.depth"] == optuna.distributions.IntDistribution(1, 2)


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_samplers_take_narrowing_intervals(unified: Space, sampler: str) -> None:
    made: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
        multivariate=True, group=True, n_startup_trials=3, seed=0
    )
    if sampler == "gp":
        made = optuna.samplers.GPSampler(n_startup_trials=50, seed=0)
    run_config = optuna.create_study(sampler=made)
    for number in range(12):
        trial = run_config.ask()
        unified.suggest(trial, "cnn2d")
        run_config.tell(trial, float(number % 5))


def test_pins_hold_and_are_not_asked() -> None:
    space = Space.load("unified", families=["cpdgal"], pins={"cpdgal.depth": "2", "cpdgal.dgfr": "false"})
    assert space.preset("cpdgal").active()["depth"] == 2
    for trial, config in draws(space, "cpdgal", 5):
        assert (config.depth, config.dgfr) == (2, False)
        assert not {"cpdgal.depth", "cpdgal.dgfr", "cpdgal.diffusion_steps"} & trial.params.keys()


def test_a_pin_may_leave_the_range_and_move_the_preset() -> None:
    space = Space.load("unified", families=["cnn2d"], pins={"cnn2d.depth": 6})
    assert space.preset("cnn2d").active()["patch"] == 13, "the nearest patch that feeds six convolutions"


def test_a_pin_from_the_command_line_may_be_in_scientific_notation() -> None:
    space = Space.load("tiny", pins={"cnn2d.learning_rate": "1e-3"})
    assert space.preset("cnn2d").active()["learning_rate"] == 1e-3


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        ({"cnn9.depth": 2}, "Families: forest"),
        ({"cnn2d.dept": 2}, "Its hyperparameters"),
        ({"cnn2d": 2}, "Its hyperparameters"),
        ({"cnn2d.depth": 99}, "less than or equal to 16"),
        ({"cnn2d.depth": "deep"}, "integer"),
        ({"svm.features": "spectra", "svm.sigma": 2.0}, "active in some config"),
        ({"cnn2d.depth": 9}, "rules between"),
    ],
)
def test_bad_pins(pins: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Space.load("tiny", pins=pins)


def test_unknown_family_lists_the_known() -> None:
    with pytest.raises(UserError, match="Known: forest, svm"):
        Space.load("tiny", families=["resnet"])


def test_a_pin_beyond_the_scene_is_refused_when_bound() -> None:
    with pytest.raises(UserError, match="fit the scene"):
        Space.load("unified", families=["cnn2d"], pins={"cnn2d.patch": 15}).bind(*SCENES["tiny"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- cnn2d\n", "a mapping of names to values"),
        ("{}\n", "one block of hyperparameters"),
        ("cnn2d: &a {}\ncnn3d: *a\n", "an alias in line 2"),
        ("cnn2d: {}\ncnn2d: {}\n", "'cnn2d' twice"),
        ("cnn2d: [\n", "must be YAML"),
        ("resnet: {}\n", "must be a family"),
        ("majority: {}\n", "must be a family"),
        ("cnn2d:\n  depht: {low: 1, high: 2}\n", "cnn2d.depht: must be a hyperparameter"),
        ("cnn2d:\n  depth: 3\n", "must be .low, high"),
        ("cnn2d:\n  depth: {low: 1, high: 3, choices: [1]}\n", "must be .low, high"),
        ("cnn2d:\n  depth: {low: 1, hihg: 3}\n", "high"),
        ("cnn2d:\n  depth: {low: 1, high: 3, stepp: 1}\n", "stepp"),
        ("cnn2d:\n  depth: {low: 3, high: 3}\n", "low must be below high"),
        ("cnn2d:\n  depth: {low: 1, high: 3.5}\n", "integer"),
        ("cnn2d:\n  depth: {low: 0, high: 3}\n", "greater than or equal to 1"),
        ("cnn2d:\n  depth: {low: 4, high: 5}\n", "must hold the paper preset's value"),
        ("cnn2d:\n  depth: {low: 1, high: 6}\n", "at most 5 convolutions"),
        ("cnn2d:\n  learning_rate: {low: 1e-4, high: 1.0e-2}\n", r"Write 1\.0e-4"),
        ("cnn2d:\n  learning_rate: {choices: ['1e-4', 5.0e-3]}\n", "must be a number"),
        ("cnn2d:\n  learning_rate: {low: 0.0, high: 1.0e-2, log: true}\n", "greater than 0|starts above 0"),
        ("cnn2d:\n  width: {low: 16, high: 64, log: true, step: 2}\n", "no step"),
        ("cnn2d:\n  width: {low: 16, high: 65, step: 16}\n", "whole number of steps"),
        ("cnn2d:\n  learning_rate: {low: 1.0e-4, high: .inf}\n", "finite number"),
        ("cnn2d:\n  learning_rate: {low: .nan, high: 1.0e-2}\n", "finite number"),
        ("cnn2d:\n  learning_rate: {choices: [1.0e-4, .inf]}\n", "finite number"),
        ("cnn2d:\n  width: {low: 16, high: 10000000000000000000000000000000}\n", "less than or equal to"),
        ("cnn2d:\n  dropout: {low: 0.0, high: 0.5, step: 1.0e-320}\n", "at most 1,000,000 steps"),
        ("cnn2d:\n  dropout: {low: 0.0, high: 0.5, step: .nan}\n", "finite number"),
        ("cnn2d:\n  dropout: {low: 0.0, high: 0.5, step: .inf}\n", "finite number"),
        ("cnn2d:\n  width: {low: 16, high: 64, step: 100000000000000000000}\n", "at most their distance"),
        (f"cnn2d:\n  dropout: {{choices: {[n / 1000 for n in range(400)]}}}\n", "at most 100 choices"),
        ("cnn2d:\n  optimizer: {low: 0, high: 1}\n", "adam"),
        ("cnn2d:\n  whiten: {low: 0, high: 1}\n", "numbers"),
        ("cnn2d:\n  optimizer: {choices: []}\n", "must not be empty"),
        ("cnn2d:\n  optimizer: {choices: [adamw, sgd]}\n", "adam"),
        ("cnn2d:\n  depth: {choices: [3, 3]}\n", "must differ"),
        ("cnn2d:\n  depth: {choices: [3, 4]}\n  patch: {choices: [7, 11]}\n", "each choice must go with each"),
        ("svm:\n  sigma: {low: 1.0, high: 4.0}\n", "active in some config"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=words) as raised:
        Space.load(str(file))
    assert "mine.yaml" in str(raised.value) or "svm.sigma" in str(raised.value)


def test_a_missing_file_names_the_shipped_spaces() -> None:
    with pytest.raises(UserError, match="tiny, unified"):
        Space.load("nowhere.yaml")


def test_an_axis_that_no_scene_of_few_bands_lets_act_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "latents.yaml"
    file.write_text("claresnet:\n  components: {low: 5, high: 120, step: 5}\n  latent_max: {choices: [32, 64, 128]}\n")
    space = Space.load(str(file))
    few, many = space.bind(50, 1000, 64, 64, 4), space.bind(200, 1000, 64, 64, 4)
    assert few.parts["claresnet"].searched == ("components",)
    assert many.parts["claresnet"].searched == ("components", "latent_max")
    components = {config.components: trial.params for trial, config in draws(many, "claresnet", 20)}
    assert all(("claresnet.latent_max" in params) == (C >= 67) for C, params in components.items())
    assert min(components) < 67 <= max(components)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("family", SEARCHED)
def test_presets_are_in_the_space_and_start_with_the_papers(family: str, scene: str) -> None:
    space = Space.load("unified", families=[family]).bind(*SCENES[scene])
    presets = space.presets(family)
    assert presets[0] == space.preset(family)
    assert len({preset.hash() for preset in presets}) == len(presets) <= len(FAMILIES[family].presets)
    for preset in presets:
        create_trial(value=0.0, params=space.params(preset), distributions=space.distributions(preset))
    if scene == "ordinary":
        assert presets == tuple(FAMILIES[family].preset(name) for name in FAMILIES[family].presets)[: len(presets)]


def test_the_nearest_config_keeps_to_scene_pins_and_what_is_not_searched() -> None:
    foreign = FAMILIES["cnn2d"](components=60, patch=15, width=64)  # type: ignore[call-arg]
    small = Space.load("unified", families=["cnn2d"], pins={"cnn2d.width": 16}).bind(*SCENES["few bands"])
    near = small.nearest(foreign)
    assert near is not None
    values = near.active()
    assert (values["components"] <= 8, values["patch"] <= 14, values["width"]) == (True, True, 16)
    own = next(config for _, config in draws(small, "cnn2d", 1))
    assert small.nearest(own) == own


def test_pinning_a_parent_leaves_out_the_axes_that_it_idles() -> None:
    """Every value of every choice of every family may be pinned; what it idles is asked for no more."""
    space, inactive = Space.load("unified"), set[str]()
    for family, part in space.parts.items():
        for name in part.searched:
            found = part.ranges[name]
            for value in found.values if isinstance(found, Choices) else ():
                pinned = Space.load("unified", [family], {f"{family}.{name}": value}).bind(*SCENES["ordinary"])
                searched = set(pinned.parts[family].searched)
                assert not any(pinned.parts[family].active_context(one) is None for one in searched)
                assert pinned.preset(family).active().get(name, value) == value  # inactive in the preset, it may be
                inactive |= {f"{family}.{one}" for one in set(part.searched) - searched - {name}}
    assert {"claresnet.whiten", "cpdgal.diffusion_steps"} <= inactive

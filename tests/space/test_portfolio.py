"""The shipped portfolio: configs of the unified space, brought into any scene."""

from hsiauto.families import config_from
from hsiauto.space import Space
from hsiauto.space.portfolio import portfolio, shipped


def test_every_shipped_config_is_one_of_the_unified_space() -> None:
    space = Space.load("unified")
    for family, configs in shipped().items():
        for values in configs:
            config = config_from({**values, "family": family})
            assert space.nearest(config) == config
            assert set(values) <= {name.partition(".")[2] for name in space.params(config)}


def test_it_fits_scene_families_and_pins_and_leaves_the_preset_out() -> None:
    [family, *_] = shipped()
    space = Space.load("unified", [family], {f"{family}.features": "spectra"}).bind(8, 200, 20, 20, 3)
    found = portfolio(space)
    assert {config.family for config in found} <= {family}
    assert all(space.nearest(config) == config for config in found)
    assert space.preset(family) not in found
    assert len(set(found)) == len(found)


def test_the_best_of_each_family_come_first() -> None:
    space = Space.load("unified")
    families = [config.family for config in portfolio(space)]
    assert len(set(families[: len(shipped())])) == len(shipped())

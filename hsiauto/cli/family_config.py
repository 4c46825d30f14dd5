"""The config that `hsiauto train` trains: a preset of the family, with hyperparameters that the user set."""

from collections.abc import Sequence

from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.families import FAMILIES, config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.settings import assignments


def family_config(family: str, preset: str | None, settings: Sequence[str]) -> tuple[FamilyConfig, frozenset[str]]:
    """The config, and the hyperparameters that the user set. What is inactive beside these leaves the preset."""
    if family not in FAMILIES:
        raise UserError(
            "unknown family", shown(family), did_you_mean(family, FAMILIES, f"Known: {', '.join(FAMILIES)}.")
        )
    start = preset_of(family, preset or "paper")
    try:
        lists = FAMILIES[family].kind == "ensemble"
        own = assignments(settings, "hyperparameter=value", "depth=6", with_lists=lists)
    except UserError as error:
        raise UserError(f"--set {error.rule}", error.received, error.remedy) from error
    values = {**start, **own}
    acting = {name: value for name, value in values.items() if name in own or FAMILIES[family].is_active(name, values)}
    return config_from({**acting, "family": family}), frozenset(own)


def preset_of(family: str, preset: str) -> dict[str, object]:
    """The values of a preset. Raises UserError for one that the family does not have."""
    presets = FAMILIES[family].presets
    if preset not in presets:
        raise UserError(f"unknown preset of {family}", shown(preset), f"Known: {', '.join(presets)}.")
    return dict(presets[preset])

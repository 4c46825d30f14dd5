"""The registry of architecture families: the union of their configs. A new family is one file and one line here."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError

from hsiauto.errors import UserError, refusal
from hsiauto.families.base import FamilyConfig
from hsiauto.families.claresnet import ClaresnetConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.cpdgal import CpdgalConfig, VitConfig
from hsiauto.families.cssmamba import CssMambaConfig, MambaHsiConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.hybridsn import HybridsnConfig
from hsiauto.families.references import Coordinate1NNConfig, MajorityConfig
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.families.ssftt import SsfttConfig
from hsiauto.families.svm import SvmConfig

__all__ = ["FAMILIES", "AnyConfig", "config_from"]

AnyConfig = Annotated[
    SpectralMemoryConfig
    | ClaresnetConfig
    | CpdgalConfig
    | VitConfig
    | CssMambaConfig
    | MambaHsiConfig
    | Cnn1dConfig
    | Cnn2dConfig
    | Cnn3dConfig
    | HybridsnConfig
    | SsfttConfig
    | SvmConfig
    | ForestConfig
    | Coordinate1NNConfig
    | MajorityConfig,
    Field(discriminator="family"),
]

FAMILIES: dict[str, type[FamilyConfig]] = {
    config.model_fields["family"].default: config for config in get_args(get_args(AnyConfig)[0])
}
"""Name -> config class, in the order of the union."""


def config_from(fields: Mapping[str, Any]) -> FamilyConfig:
    """{"family": name, axis: value, ...} -> config; axes left out have their defaults.

    Raises UserError for an unknown family or axis, a value out of bounds, or an axis that cannot act.
    """
    family = fields.get("family")
    if family not in FAMILIES:
        raise UserError("the family must be known", repr(family), f"Choose from {', '.join(FAMILIES)}.")
    config = FAMILIES[family]
    unknown = [name for name in fields if name not in config.model_fields]
    if unknown:
        axes = ", ".join(name for name in config.model_fields if name != "family")
        raise UserError(f"the axis must be one of {family}'s", ", ".join(unknown), f"Choose from {axes}.")
    try:
        return config.model_validate(dict(fields))
    except ValidationError as invalid:
        raise refusal(invalid, f"{family}.", f"`hsiauto families {family}` lists bounds and meaning.") from invalid

"""The architecture families. One in this package is one file and one line in BUILT_IN; one in a package of your own is
an entry point (`registry.py`)."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from hsiauto.errors import UserError, refusal
from hsiauto.families.base import FamilyConfig
from hsiauto.families.boosting import BoostingConfig
from hsiauto.families.claresnet import ClaresnetConfig
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.families.cnn2d import Cnn2dConfig
from hsiauto.families.cnn3d import Cnn3dConfig
from hsiauto.families.cpdgal import CpdgalConfig, VitConfig
from hsiauto.families.cssmamba import CssMambaConfig, MambaHsiConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.forest import ForestConfig
from hsiauto.families.hybridsn import HybridsnConfig
from hsiauto.families.lda import LdaConfig
from hsiauto.families.logistic import LogisticConfig
from hsiauto.families.references import Coordinate1NNConfig, MajorityConfig
from hsiauto.families.registry import Registry
from hsiauto.families.spectral_memory import SpectralMemoryConfig
from hsiauto.families.ssftt import SsfttConfig
from hsiauto.families.svm import SvmConfig

__all__ = ["BUILT_IN", "FAMILIES", "config_from"]

BUILT_IN: tuple[type[FamilyConfig], ...] = (
    SpectralMemoryConfig,
    ClaresnetConfig,
    CpdgalConfig,
    VitConfig,
    CssMambaConfig,
    MambaHsiConfig,
    Cnn1dConfig,
    Cnn2dConfig,
    Cnn3dConfig,
    HybridsnConfig,
    SsfttConfig,
    SvmConfig,
    ForestConfig,
    LdaConfig,
    LogisticConfig,
    BoostingConfig,
    EnsembleConfig,
    Coordinate1NNConfig,
    MajorityConfig,
)
FAMILIES = Registry(BUILT_IN)
"""Name -> config class."""


def config_from(fields: Mapping[str, Any]) -> FamilyConfig:
    """{"family": name, hyperparameter: value, ...} -> config; hyperparameters left out have their defaults.

    Raises UserError for an unknown family or hyperparameter, a value out of bounds, or an inactive hyperparameter.
    """
    family = fields.get("family")
    if not isinstance(family, str) or family not in FAMILIES:
        raise UserError(
            "the family must be known",
            repr(family),
            f"Choose from {', '.join(FAMILIES)}, or install the package that brings it.",
        )
    config = FAMILIES[family]
    unknown = [name for name in fields if name not in config.model_fields]
    if unknown:
        known = ", ".join(name for name in config.model_fields if name != "family")
        raise UserError(f"the hyperparameter must be one of {family}'s", ", ".join(unknown), f"Choose from {known}.")
    try:
        return config.model_validate(dict(fields))
    except ValidationError as invalid:
        raise refusal(invalid, f"{family}.", f"`hsiauto families {family}` lists bounds and meaning.") from invalid

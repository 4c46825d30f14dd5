"""Which models become a graph, and why others do not: the one source of the table in docs/export.md."""

from hsiauto.families.base import ClassicalConfig, FamilyConfig, ReferenceConfig, TileConfig
from hsiauto.models.export.estimators import TWINS
from hsiauto.models.fitted import ClassicalFitted, EnsembleFitted, Fitted

TILES = (
    "it labels whole tiles that overlap, and a pixel's answer is the mean of theirs at its place in the scene: no "
    "function of a window"
)
REFERENCE = "it reads positions, no spectra, and is never exported"


def why_family_not(config: type[FamilyConfig]) -> str:
    """Why no model of this family becomes a graph; empty: it does."""
    if issubclass(config, TileConfig):
        return TILES
    return REFERENCE if issubclass(config, ReferenceConfig) else ""


def why_not(fitted: Fitted) -> str:
    """Why `fitted` does not become a graph; empty: it does."""
    members = fitted.members if isinstance(fitted, EnsembleFitted) else (fitted,)
    for member in members:
        why = why_family_not(type(member.config))
        if not why and isinstance(member, ClassicalFitted) and type(member.estimator) not in TWINS:
            why = f"nothing writes a {type(member.estimator).__name__} as a graph"
        if why:
            return f"{member.config.family}: {why}"
    return ""


def reads(config: type[FamilyConfig]) -> str:
    """What a graph of this family is fed, for the table."""
    if config.input == "patch":
        return "windows as wide as its patch"
    if issubclass(config, ClassicalConfig):
        return "spectra; with `multiscale` features windows of 2 * ceil(4 sigma) + 1"
    return {"pixel": "spectra", "members": "what its members read, one input for each way of padding"}[config.input]

"""SceneSize: the bounds that a scene, and what a run may see of it, set to a config."""

from dataclasses import dataclass
from typing import Any, Literal

from hsiauto.families.base import SEES_UNLABELLED, FamilyConfig, PatchConfig, TileConfig


@dataclass(frozen=True)
class SceneSize:
    """The bounds of a config: bands, pixels that train, the sides of the scene, and whether unlabelled pixels are seen.

    A patch must fit the shorter side. A tile is cut to the scene, so one beyond the longer side is the same as that.
    """

    n_bands: int
    n_pixels: int
    height: int
    width: int
    unlabelled: Literal["scene", "none"] = "scene"
    """`RunConfig.unlabelled`: with `none`, configs see training pixels alone."""

    def fits(self, config: FamilyConfig) -> bool:
        """Whether the scene can feed `config` as it is: components within bands and pixels, patch or tile within the
        scene, unlabelled pixels seen only if they may be."""
        seen = self.unlabelled == "scene" or not config.transductive
        return seen and self._feeds(config) and not self._too_large(config)

    def nearest(self, config: FamilyConfig) -> dict[str, Any]:
        """The active values of `config`, clipped to the scene. They may break a rule between hyperparameters."""
        if self.unlabelled == "none":
            config = config.blind()
        return {**config.bounded(self.n_bands, self.n_pixels).active(), **self._too_large(config)}

    def _feeds(self, config: FamilyConfig) -> bool:
        """Whether `bounded` leaves `config` alone. A space checks thousands of configs: most need no bounding."""
        few = getattr(config, "components", 0) <= min(self.n_bands, self.n_pixels - 1)
        if few and type(config).bounded is FamilyConfig.bounded:
            return True
        return config.bounded(self.n_bands, self.n_pixels) == config

    def _too_large(self, config: FamilyConfig) -> dict[str, int]:
        """The sides of its input that leave the scene -> the largest that does not."""
        if isinstance(config, PatchConfig) and config.patch > (most := min(self.height, self.width)):
            return {"patch": most}
        if isinstance(config, TileConfig) and config.tile > (most := max(self.height, self.width)):
            return {"tile": most}
        return {}


def fit_preset(config: FamilyConfig, scene: SceneSize) -> FamilyConfig:
    """The nearest config to `config` that the scene can feed, outside any space (the sceptic's baselines)."""
    return type(config)(**scene.nearest(config))


def why_clipped(name: str) -> str:
    """Why the hyperparameter `name` of a config had to change, in words."""
    return "`unlabelled` is none" if name in SEES_UNLABELLED else "the scene holds no more"

"""SceneSize: the bounds that a scene sets to a config."""

from dataclasses import dataclass
from typing import Any

from hsiauto.families.base import FamilyConfig, PatchConfig, TileConfig


@dataclass(frozen=True)
class SceneSize:
    """The bounds of a config: bands, pixels that train, and the sides of the scene.

    A patch must fit the shorter side. A tile is cut to the scene, so one beyond the longer side is the same as that.
    """

    n_bands: int
    n_pixels: int
    height: int
    width: int

    def fits(self, config: FamilyConfig) -> bool:
        """Whether the scene can feed `config` as it is: components within bands and pixels, patch or tile within the
        scene."""
        return self._feeds(config) and not self._too_large(config)

    def nearest(self, config: FamilyConfig) -> dict[str, Any]:
        """The active values of `config`, clipped to the scene. They may break a rule between hyperparameters."""
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

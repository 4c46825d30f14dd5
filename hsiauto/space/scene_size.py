"""SceneSize: what a scene can feed."""

from dataclasses import dataclass
from typing import Any

from hsiauto.families.base import FamilyConfig


@dataclass(frozen=True)
class SceneSize:
    """What bounds a config: bands, pixels that train, and the sides of the scene."""

    n_bands: int
    n_pixels: int
    height: int
    width: int

    def fits(self, config: FamilyConfig) -> bool:
        """Whether the scene can feed `config`: components within bands and pixels, a patch within the scene."""
        return config.bounded(self.n_bands, self.n_pixels) == config and self._patch(config) <= self._side

    def nearest(self, config: FamilyConfig) -> dict[str, Any]:
        """The acting values of `config`, clipped to the scene. They may break a rule between axes."""
        values = config.bounded(self.n_bands, self.n_pixels).active()
        if self._patch(config) > self._side:
            values["patch"] = self._side
        return values

    @property
    def _side(self) -> int:
        return min(self.height, self.width)

    @staticmethod
    def _patch(config: FamilyConfig) -> int:
        return int(getattr(config, "patch", 1))


def fit_preset(config: FamilyConfig, scene: SceneSize) -> FamilyConfig:
    """The nearest config to `config` that the scene can feed, outside any space (the sceptic's baselines)."""
    return type(config)(**scene.nearest(config))

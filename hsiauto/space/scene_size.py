"""SceneSize: the bounds that a scene, its split, and what a run may see of it, set to a config."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from hsiauto.errors import UserError
from hsiauto.families.base import (
    SEES_UNLABELLED,
    ClassicalConfig,
    FamilyConfig,
    PatchConfig,
    SmoothedConfig,
    TileConfig,
)
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.scene.model import Scene
from hsiauto.split.model import Split

WINDOW = ("patch", "features", "sigma", "smoothing", "smoothing_radius")
"""Hyperparameters that make a window."""
CLIPPED = (*WINDOW, "tile", "components")


@dataclass(frozen=True)
class SceneSize:
    """The bounds of a config: bands, pixels that train, the sides of the scene, where windows end, and whether
    unlabelled pixels are seen.

    A patch must fit the shorter side. A tile is cut to the scene, so one beyond the longer side is the same as that.
    """

    n_bands: int
    n_pixels: int
    height: int
    width: int
    buffer: int | None = None
    """The widest support, so that no window around a test or validation pixel holds a training pixel; None: any. A
    tile is no window: training pixels are absent from the tiles that score a pixel."""
    unlabelled: Literal["scene", "none"] = "scene"
    """`RunConfig.unlabelled`: with `none`, configs see training pixels alone."""

    @classmethod
    def of(
        cls, scene: Scene, split: Split, n_pixels: int, unlabelled: Literal["scene", "none"] = "scene"
    ) -> "SceneSize":
        """The bounds of `scene` under `split`, if `n_pixels` train."""
        return cls(scene.n_bands, n_pixels, scene.height, scene.width, split.buffer, unlabelled)

    def fits(self, config: FamilyConfig) -> bool:
        """Whether the scene can feed `config` as it is: components within bands and pixels, patch or tile within the
        scene, windows within the buffer, unlabelled pixels seen only if they may be."""
        seen = self.unlabelled == "scene" or not config.transductive
        return seen and self._feeds(config) and not self._too_large(config) and not self.reaches_over(config)

    def reaches_over(self, config: FamilyConfig) -> bool:
        """Whether a window of `config` ends beyond the buffer."""
        return self.buffer is not None and _window(config) > self.buffer

    def nearest(self, config: FamilyConfig) -> dict[str, Any]:
        """The active values of `config`, clipped to the scene. They may break a rule between hyperparameters."""
        if self.unlabelled == "none":
            config = config.blind()
        if isinstance(config, EnsembleConfig):
            config = config.with_members(tuple(fit_preset(member, self) for member in config.members))
        values = {**config.bounded(self.n_bands, self.n_pixels).active(), **self._too_large(config)}
        return self._within_buffer(config, values) if self.reaches_over(config) else values

    def why_changed(self, name: str) -> str:
        """Why `nearest` changed the hyperparameter `name`."""
        if name in SEES_UNLABELLED:
            return "`unlabelled` is none"
        if self.buffer is not None and name in WINDOW:
            if self.width == 1:
                return "a spectrum without a place has no neighbours"
            return f"windows end at the buffer ({self.buffer})"
        return "the scene holds no more"

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

    def _within_buffer(self, config: FamilyConfig, values: dict[str, Any]) -> dict[str, Any]:
        """`values` with the windows of the model within the buffer, and its smoothing within what that leaves."""
        assert self.buffer is not None
        left = self.buffer
        if isinstance(config, PatchConfig):
            values["patch"] = _largest_patch(config, values, most=min(values["patch"], 2 * self.buffer + 1))
            left -= values["patch"] // 2
        elif isinstance(config, ClassicalConfig) and config.features == "multiscale":
            if self.buffer == 0:
                values["features"] = "spectra"
            elif config.model_support > self.buffer:
                values["sigma"] = self.buffer / 4
            left -= min(self.buffer, config.model_support)
        elif isinstance(config, EnsembleConfig):
            left -= min(self.buffer, max(map(_window, config.parts)))
        if isinstance(config, SmoothedConfig) and config.smoothing_reach > left:
            a_pixel = config.smoothing_reach // config.smoothing_radius
            values["smoothing_radius"] = left // a_pixel
            if not values["smoothing_radius"]:
                values["smoothing"] = "none"
        return {name: value for name, value in values.items() if config.is_active(name, values)}


def fit_preset(config: FamilyConfig, scene: SceneSize) -> FamilyConfig:
    """The nearest config to `config` that the scene can feed, outside any space (the sceptic's baselines).

    Raises UserError if its hyperparameters do not go together there.
    """
    values = scene.nearest(config)
    try:
        return type(config)(**values)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        changed = {name: value for name, value in values.items() if value != config.active().get(name)}
        name = next(iter(changed), "")
        raise UserError(
            f"{config.family} must go with what the scene and the split bear",
            f"{', '.join(f'{n}={v}' for n, v in changed.items())} ({scene.why_changed(name)}): {said}",
            f"Use a buffer of {config.support} or more." if scene.reaches_over(config) else "Change the config.",
        ) from error


def _window(config: FamilyConfig) -> int:
    """The radius of what a prediction reads and that may hold training pixels."""
    if isinstance(config, EnsembleConfig):
        return max(map(_window, config.parts)) + config.smoothing_reach
    return config.smoothing_reach if isinstance(config, TileConfig) else config.support


def _largest_patch(config: PatchConfig, values: dict[str, Any], most: int) -> int:
    """The largest side up to `most` that the other values go with; `most` if none does."""
    for patch in range(most, 0, -1):
        try:
            type(config)(**{**values, "patch": patch})
        except ValidationError:
            continue
        return patch
    return most

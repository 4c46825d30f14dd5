"""A search space: YAML ranges over the axes of the families' configs, checked when loaded, fitted to a scene."""

from hsiauto.space.family import FamilySpace
from hsiauto.space.model import Space
from hsiauto.space.ranges import Choices, Interval, Range
from hsiauto.space.scene_size import SceneSize, fit_preset

__all__ = ["Choices", "FamilySpace", "Interval", "Range", "SceneSize", "Space", "fit_preset"]

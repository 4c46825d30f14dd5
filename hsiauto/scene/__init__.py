"""Scenes: what one hyperspectral image is, and how to open it."""

from hsiauto.scene.model import GeoReference, Scene
from hsiauto.scene.opening import open_image, open_scene, read_label_map

__all__ = ["GeoReference", "Scene", "open_image", "open_scene", "read_label_map"]

"""The scenes that hsiauto knows by name: their facts, the places of their files, how to get them."""

from hsiauto.scene.registry.catalogue import Row, fetch, list_datasets, verify
from hsiauto.scene.registry.known import RegisteredFile, RegisteredScene, Variant, known_scenes
from hsiauto.scene.registry.locate import SceneFiles, data_folder, instructions, locate

__all__ = [
    "RegisteredFile",
    "RegisteredScene",
    "Row",
    "SceneFiles",
    "Variant",
    "data_folder",
    "fetch",
    "instructions",
    "known_scenes",
    "list_datasets",
    "locate",
    "verify",
]

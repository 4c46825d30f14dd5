"""The scenes that hsiauto knows by name: their facts, where their files lie, how to get them."""

from hsiauto.scene.registry.catalogue import Row, fetch, list_datasets, verify
from hsiauto.scene.registry.known import KnownFile, KnownScene, Variant, known_scenes
from hsiauto.scene.registry.locate import FoundFiles, data_folder, instructions, locate

__all__ = [
    "FoundFiles",
    "KnownFile",
    "KnownScene",
    "Row",
    "Variant",
    "data_folder",
    "fetch",
    "instructions",
    "known_scenes",
    "list_datasets",
    "locate",
    "verify",
]

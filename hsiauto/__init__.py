"""AutoML for hyperspectral images that its users can believe. What the command line does, from Python.

>>> import hsiauto                                                    # doctest: +SKIP
>>> config = hsiauto.RunConfig(scene=hsiauto.SceneSource(dataset="demo"), budget=16)
>>> result = hsiauto.search(config, "runs/demo")
>>> bundle = hsiauto.load_bundle(result.folder / "bundle")
>>> scene = hsiauto.open_scene(config.scene)
>>> classes = hsiauto.predict_scene(bundle.fitted, scene.cube, scene.valid).classes
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsiauto.config import RunConfig
    from hsiauto.errors import UserError
    from hsiauto.models.bundle import load_bundle
    from hsiauto.models.predict import predict_scene
    from hsiauto.runs import Result, predict, refit, resume, search, train
    from hsiauto.scene import Scene, open_scene
    from hsiauto.scene.source import SceneSource
    from hsiauto.split import SplitSpec
    from hsiauto.training.active.recipe import ActiveLabels

__all__ = [
    "ActiveLabels",
    "Result",
    "RunConfig",
    "Scene",
    "SceneSource",
    "SplitSpec",
    "UserError",
    "load_bundle",
    "open_scene",
    "predict",
    "predict_scene",
    "refit",
    "resume",
    "search",
    "train",
]

_HOMES = {
    "ActiveLabels": "training.active.recipe",
    "Scene": "scene",
    "SceneSource": "scene.source",
    "SplitSpec": "split",
    "Result": "runs",
    "RunConfig": "config",
    "UserError": "errors",
    "load_bundle": "models.bundle",
    "open_scene": "scene",
    "predict": "runs",
    "predict_scene": "models.predict",
    "refit": "runs",
    "resume": "runs",
    "search": "runs",
    "train": "runs",
}


def __getattr__(name: str) -> Any:
    """Import a name's home when it is first asked for: `import hsiauto` alone takes no torch and no Ray."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hsiauto' has no attribute {name!r}")
    return getattr(import_module(f"hsiauto.{_HOMES[name]}"), name)


class _Package(ModuleType):
    """`hsiauto.search` and `hsiauto.refit` are functions, although rooms have their names: importing one hides none."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOMES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

# ruff: noqa: F401  (names for type checkers)
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

if TYPE_CHECKING:  # what type checkers see of the table below
    from hsiauto.ablation.run import run as study
    from hsiauto.cli.run import watching as live_progress
    from hsiauto.config import RunConfig
    from hsiauto.errors import UserError
    from hsiauto.estimator.classifier import HSIClassifier
    from hsiauto.models.bundle import load_bundle
    from hsiauto.models.predict import predict_scene
    from hsiauto.runs.board import Leaderboard
    from hsiauto.runs.class_map import predict
    from hsiauto.runs.compare import Comparison, compare
    from hsiauto.runs.result import Result
    from hsiauto.runs.run import refit, resume, search, train
    from hsiauto.scene import Scene, open_scene
    from hsiauto.scene.source import SceneSource
    from hsiauto.split.model import SplitSpec
    from hsiauto.training.active.recipe import ActiveLabels

_HOMES = {
    "ActiveLabels": "training.active.recipe",
    "Comparison": "runs.compare",
    "HSIClassifier": "estimator.classifier",
    "Leaderboard": "runs.board",
    "Result": "runs.result",
    "RunConfig": "config",
    "Scene": "scene",
    "SceneSource": "scene.source",
    "SplitSpec": "split.model",
    "UserError": "errors",
    "compare": "runs.compare",
    "live_progress": "cli.run:watching",
    "load_bundle": "models.bundle",
    "open_scene": "scene",
    "predict": "runs.class_map",
    "predict_scene": "models.predict",
    "refit": "runs.run",
    "resume": "runs.run",
    "search": "runs.run",
    "study": "ablation.run:run",
    "train": "runs.run",
}
"""Public name -> the module in which it is defined, and its name there if that is another."""

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Import a name's home when it is first asked for: `import hsiauto` alone takes no torch and no Ray."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hsiauto' has no attribute {name!r}")
    home, _, there = _HOMES[name].partition(":")
    found = getattr(import_module(f"hsiauto.{home}"), there or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


class _Package(ModuleType):
    """The function wins where a room has its name, whichever is asked for first: `hsiauto.search(...)`.

    (The modules of that room are found by `from hsiauto.search import ...`.)
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

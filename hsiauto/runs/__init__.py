"""A run from beginning to end: what the command line and a notebook call."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsiauto.runs.class_map import ClassMap, predict
    from hsiauto.runs.result import Result
    from hsiauto.runs.run import refit, resume, search, train
    from hsiauto.runs.watch import Stop

__all__ = ["ClassMap", "Result", "Stop", "predict", "refit", "resume", "search", "train"]

_HOMES = {"ClassMap": "class_map", "Result": "result", "Stop": "watch", "predict": "class_map"}


def __getattr__(name: str) -> Any:
    """Import a name's home when it is first asked for: a command that looks at a folder needs neither torch nor Ray."""
    if name not in __all__:
        raise AttributeError(f"module 'hsiauto.runs' has no attribute {name!r}")
    return getattr(import_module(f"hsiauto.runs.{_HOMES.get(name, 'run')}"), name)

"""The classes of several scenes, joined by name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.scene.model import Scene


@dataclass(frozen=True)
class CommonClasses:
    """The classes that stand in any of the scenes."""

    names: tuple[str, ...]
    values: tuple[int, ...]
    """The value of each in a map: that of the label maps, if they agree."""
    numbers: tuple[npt.NDArray[np.int16], ...]
    """For each scene (K + 1,): its own class numbers, 0 first -> the joined ones."""
    notes: tuple[str, ...]


def common_classes(scenes: Sequence[Scene]) -> CommonClasses:
    """Join the classes of `scenes`. Raises UserError unless two stand in more than one scene."""
    standing: dict[str, list[str]] = {}
    for scene in scenes:
        for name in dict.fromkeys(scene.class_names):
            standing.setdefault(name, []).append(scene.name)
    if sum(len(where) > 1 for where in standing.values()) < 2:
        listed = "; ".join(f"{scene.name}: {', '.join(scene.class_names[:4])}" for scene in scenes[:3])
        raise UserError(
            "several scenes are one data set if two classes or more stand in more than one of them, by name",
            listed + ("; ..." if len(scenes) > 3 else ""),
            "Give their label maps the same values, or the same class names.",
        )
    pairs = {pair for scene in scenes for pair in zip(scene.class_names, scene.label_values, strict=True)}
    notes: tuple[str, ...] = ()
    if len(pairs) == len(standing) == len({value for _, value in pairs}):
        names, values = zip(*sorted(pairs, key=lambda pair: pair[1]), strict=True)
    else:
        names, values = tuple(standing), tuple(range(1, len(standing) + 1))
        notes = (f"the label maps number the classes differently: maps number them from 1 to {len(names)}, by name",)
    lone = [name for name in names if len(standing[name]) == 1]
    if lone:
        listed = ", ".join(f"{name} ({standing[name][0]})" for name in lone[:10]) + (", ..." if len(lone) > 10 else "")
        notes += (f"classes that stand in one scene alone: {listed}",)
    place = {name: number for number, name in enumerate(names, start=1)}
    numbers = tuple(np.array([0, *(place[name] for name in scene.class_names)], np.int16) for scene in scenes)
    return CommonClasses(names, values, numbers, notes)

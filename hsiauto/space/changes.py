"""What a scene and its split changed of a space, in words."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hsiauto.space.family import FamilySpace
from hsiauto.space.ranges import Choices, Range
from hsiauto.space.scene_size import CLIPPED, WINDOW, SceneSize


def changes(
    asked: Mapping[str, FamilySpace], bound: Mapping[str, FamilySpace], scene: SceneSize, left_out: Collection[str]
) -> tuple[str, ...]:
    """In words, a sentence for each reason: presets that start smaller, windows that are searched less far, families
    that are left out.

    asked, bound: families before and after they were fitted to `scene`; what must follow a smaller window, such as a
    depth, is not told apart.
    """
    starts, ends = dict[str, dict[str, list[str]]](), dict[str, list[str]]()
    for family, part in bound.items():
        before, after = asked[family].preset().active(), part.preset().active()
        for name in CLIPPED:
            if name in before and name in after and before[name] != after[name]:
                change = f"{name} {_shown(after[name])} instead of {_shown(before[name])}"
                starts.setdefault(scene.why_changed(name), {}).setdefault(change, []).append(family)
            if name in WINDOW and name in part.searched and part.ranges[name] != asked[family].ranges[name]:
                ends.setdefault(f"{name} {_span(part.ranges[name])}", []).append(family)
    said = [
        f"{why}, so "
        + "; ".join(f"{_listed(who)} start{'s' * (len(who) == 1)} with {what}" for what, who in by.items())
        for why, by in starts.items()
    ]
    if ends:
        searched = (f"{_listed(who)} search{'es' * (len(who) == 1)} {what}" for what, who in ends.items())
        said.append(f"{scene.why_changed('patch')}, so {'; '.join(searched)}")
    if left_out:
        said.append(
            f"left out: {_listed(sorted(left_out))}, of which every window reaches over the buffer ({scene.buffer})"
        )
    return tuple(said)


def _span(found: Range) -> str:
    if isinstance(found, Choices):
        return str(found)
    return _shown(found.low) if found.low == found.high else f"{_shown(found.low)} to {_shown(found.high)}"


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _listed(families: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(families[:-1]), families[-1])))

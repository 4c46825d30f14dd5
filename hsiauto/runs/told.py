"""Scene and split in words, before anything is trained."""

import numpy as np

from hsiauto.scene import Scene
from hsiauto.split import Split
from hsiauto.split.counts import class_counts

_MOST_CLASSES = 30
"""A screen has no more lines for them."""
_MOST_SCENES = 6


def scene_line(scene: Scene, *, has_places: bool = True) -> str:
    """Its size, bands, pixels without data, labels and classes. has_places: it is no list of spectra."""
    labelled = np.count_nonzero(scene.labels)
    classes = f"{labelled:,} labelled {'pixels' if has_places else 'ones'} of {scene.n_classes} classes"
    return f"{scene.name}: {_size(scene, has_places)}; {scene.n_bands} bands; {classes}"


def _size(scene: Scene, has_places: bool) -> str:
    if not has_places:
        return f"{np.count_nonzero(scene.valid):,} spectra without a place"
    if scene.parts:
        sizes = [f"{part.name} {part.height:,} x {part.width:,}" for part in scene.parts[:_MOST_SCENES]]
        more = f", and {len(scene.parts) - _MOST_SCENES} more" if len(scene.parts) > _MOST_SCENES else ""
        with_data = np.count_nonzero(scene.valid)
        return f"{len(scene.parts)} scenes ({', '.join(sizes)}{more}), {with_data:,} pixels with data"
    return f"{scene.height:,} x {scene.width:,} pixels, {np.count_nonzero(~scene.valid):,} of them without data"


def split_lines(scene: Scene, split: Split, *, validates: bool) -> list[str]:
    """The rule, the pixels on each side, and those of every class. validates: train and validation stand apart."""
    spec = split.spec
    sides = {"train": split.train, "validation": split.val} if validates else {"train": split.pool}
    sides |= {"test": split.test}
    totals = ", ".join(f"{len(pixels):,} {name}" for name, pixels in sides.items())
    unused = np.count_nonzero(scene.labels) - sum(map(len, sides.values()))
    rule = _rule(split, validates)
    said = [f"split {split.hash}, {rule}, seed {spec.seed}: {totals} pixels; {unused:,} labelled pixels are not used"]
    if spec.by_groups and scene.groups is not None:
        held = {name: len(np.unique(scene.groups.ravel()[pixels])) for name, pixels in sides.items()}
        listed = ", ".join(f"{n:,} {name}" for name, n in held.items())
        said.append(f"  {np.count_nonzero(np.unique(scene.groups)):,} groups: {listed}")
    counts = class_counts(scene.labels, [split])
    names = [scene.class_names[one.class_number - 1] for one in counts]
    width = max(map(len, names))
    for name, one in list(zip(names, counts, strict=True))[:_MOST_CLASSES]:
        if one.class_number not in split.classes:
            said.append(f"  {name:<{width}}  {one.labelled:>9,} labelled  left out")
            continue
        numbers = (one.train, *one.val, one.test) if validates else (one.pool, one.test)
        columns = "".join(f"{n:>9,} {side}" for n, side in zip(numbers, sides, strict=True))
        said.append(f"  {name:<{width}}  {one.labelled:>9,} labelled{columns}")
    if len(counts) > _MOST_CLASSES:
        said.append(f"  and {len(counts) - _MOST_CLASSES} more classes (`hsiauto split` lists them)")
    return said


def _rule(split: Split, validates: bool) -> str:
    spec, held_out = split.spec, split.held_out
    if held_out is not None:
        by = "whole scenes validate" if held_out.whole else "parts of the other validate"
        return f"scene {held_out.scene} held out" + (f", {by}" if validates else "")
    if not spec.has_places:
        return "whole groups of spectra"
    if spec.keeps_apart:
        size, buffer = spec.squares
        return f"{f'spatial blocks of {size}' if size else 'whole groups'} with a buffer of {buffer}"
    return "random pixels" if spec.protocol == "random" else "two given label maps"

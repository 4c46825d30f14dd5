"""Scene and split in words, before anything is trained."""

import numpy as np

from hsiauto.scene import Scene
from hsiauto.split import Split
from hsiauto.split.counts import class_counts

_MOST_CLASSES = 30
"""A screen has no more lines for them."""


def scene_line(scene: Scene) -> str:
    """Its size, bands, pixels without data, labels and classes."""
    without, labelled = np.count_nonzero(~scene.valid), np.count_nonzero(scene.labels)
    return (
        f"{scene.name}: {scene.height:,} x {scene.width:,} pixels, {without:,} of them without data; {scene.n_bands} "
        f"bands; {labelled:,} labelled pixels of {scene.n_classes} classes"
    )


def split_lines(scene: Scene, split: Split, *, validates: bool) -> list[str]:
    """The rule, the pixels on each side, and those of every class. validates: train and validation stand apart."""
    spec = split.spec
    rule = {"random": "random pixels", "fixed": "two given label maps"}.get(spec.protocol, "")
    if spec.keeps_apart:
        size, buffer = spec.squares
        rule = f"{f'spatial blocks of {size}' if size else 'whole groups'} with a buffer of {buffer}"
    sides = {"train": split.train, "validation": split.val} if validates else {"train": split.pool}
    sides |= {"test": split.test}
    totals = ", ".join(f"{len(pixels):,} {name}" for name, pixels in sides.items())
    unused = np.count_nonzero(scene.labels) - sum(map(len, sides.values()))
    said = [f"split {split.hash}, {rule}, seed {spec.seed}: {totals} pixels; {unused:,} labelled pixels are not used"]
    if spec.protocol == "groups" and scene.groups is not None:
        held = {name: len(np.unique(scene.groups.ravel()[pixels])) for name, pixels in sides.items()}
        said.append(f"  {scene.groups.max():,} groups: {', '.join(f'{n:,} {name}' for name, n in held.items())}")
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

"""`scenes`: one of several scenes tests, the others train; validation holds whole scenes too, if two or more train.

What differs between flights (light, sensor, season, soil) is then in every score; no split of one scene measures it.
A class that stands in the test scene alone cannot be learned and is left out; one that stands in the others alone is
learned all the same, for the model is to map them too.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.scene.model import Part
from hsiauto.scene.mosaic import GAP, within
from hsiauto.split.budget import Labels, choose, quota
from hsiauto.split.model import HeldOut, Mask, Sides, SplitSpec

_DRAWS = 20
"""Validations drawn before one that lacks a class is taken."""


def testable(labels: Labels, parts: Sequence[Part]) -> tuple[str, ...]:
    """The scenes of which two classes or more stand in another scene too: seed after seed tests on the next of them."""
    classes = {part: set(np.unique(within(labels, part)).tolist()) - {0} for part in parts}
    found = []
    for part, own in classes.items():
        elsewhere = set().union(*(other for one, other in classes.items() if one is not part))
        if len(own & elsewhere) >= 2:
            found.append(part.name)
    return tuple(found)


def test_scene(labels: Labels, spec: SplitSpec, parts: Sequence[Part]) -> str:
    """The name of the scene that is held out. Raises UserError if there is none, or not the one that is asked for."""
    if len(parts) < 2:
        remedy = "Give `dataset` again, a folder of tiles or a list of scenes; or use `protocol` blocks."
        raise UserError("protocol scenes holds a whole scene out, of two or more", "one scene", remedy)
    names, found = [part.name for part in parts], testable(labels, parts)
    if spec.test_scene is not None and spec.test_scene not in names:
        listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        hint = did_you_mean(spec.test_scene, names, f"The scenes are {listed}.")
        raise UserError("`test_scene` names one of the scenes", shown(spec.test_scene), hint)
    if not found or (spec.test_scene is not None and spec.test_scene not in found):
        rule = "a scene that is held out has two classes or more that stand in another scene"
        raise UserError(rule, spec.test_scene or "none of them has", "Name another scene, or use `protocol` blocks.")
    return spec.test_scene or found[spec.seed % len(found)]


def divide(labels: Labels, spec: SplitSpec, parts: Sequence[Part], rng: np.random.Generator) -> Sides:
    """All labelled pixels of the scene that is held out test; the budget is drawn from the other scenes."""
    name = test_scene(labels, spec, parts)
    test = (labels > 0) & _mask(labels, [part for part in parts if part.name == name])
    others = np.where(test, 0, labels)
    limited = spec.train_fraction is not None or spec.train_per_class is not None
    pool = choose(others, quota(labels, spec, default_fraction=None), rng) if limited else others > 0
    return Sides(pool, test, rest="over the budget")


def whole(pool_labels: Labels, parts: Sequence[Part]) -> bool:
    """Whether whole scenes can validate: one that trains holds no class alone."""
    return any(_spared(_counts(pool_labels, parts), [place]) for place in range(len(parts)))


def carve(
    pool_labels: Labels,
    spec: SplitSpec,
    parts: Sequence[Part],
    rng: np.random.Generator,
    barred: Mask | None = None,
) -> tuple[Mask, Mask]:
    """(train, val) of the pool: `val_fraction` of its scenes validate, at least one, and no class leaves training.

    Of several draws the one that validates most classes. barred: (H, W) pixels whose scenes validate in another fold.
    """
    counts = _counts(pool_labels, parts)
    free = [place for place, part in enumerate(parts) if barred is None or not within(barred, part).any()]
    wanted = max(1, int(spec.val_fraction * np.count_nonzero(counts.any(axis=1)) + 0.5))
    best, most = list[int](), 0
    for _ in range(_DRAWS):
        held: list[int] = []
        for place in rng.permutation(free).tolist():
            if len(held) < wanted and counts[place].any() and _spared(counts, [*held, place]):
                held.append(place)
        if (n_classes := int((counts[held].sum(axis=0) > 0).sum())) > most:
            best, most = held, n_classes
    val = (pool_labels > 0) & _mask(pool_labels, [parts[place] for place in best])
    return (pool_labels > 0) & ~val, val


def held_out(labels: Labels, pool_labels: Labels, spec: SplitSpec, parts: Sequence[Part]) -> HeldOut:
    """What is held out, and how far a window may read: into no other scene, nor over the buffer if blocks validate."""
    scene, by_scene = test_scene(labels, spec, parts), whole(pool_labels, parts)
    in_turn = (scene,) if spec.test_scene else testable(labels, parts)
    return HeldOut(scene, in_turn, by_scene, GAP if by_scene else min(GAP, spec.squares.buffer))


def _counts(labels: Labels, parts: Sequence[Part]) -> npt.NDArray[np.int64]:
    """(scenes, K) labelled pixels."""
    n_values = int(labels.max()) + 1
    return np.stack([np.bincount(within(labels, part).ravel(), minlength=n_values)[1:] for part in parts])


def _spared(counts: npt.NDArray[np.int64], held: list[int]) -> bool:
    """Whether training keeps every class without the scenes `held`, which have a pixel."""
    left = np.delete(counts, held, axis=0).sum(axis=0)
    return bool(counts[held].any() and left.any() and not ((counts.sum(axis=0) > 0) & (left == 0)).any())


def _mask(labels: Labels, held: Sequence[Part]) -> Mask:
    mask = np.zeros(labels.shape, bool)
    for part in held:
        within(mask, part)[:] = True
    return mask

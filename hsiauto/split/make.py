"""make_split: labels and a spec become a Split. folds: the same split with other validations."""

import hashlib

import numpy as np

from hsiauto.errors import UserError
from hsiauto.scene.model import Part
from hsiauto.split import auto, blocks, fixed, scenes, stratified
from hsiauto.split.budget import Labels
from hsiauto.split.groups import divisible
from hsiauto.split.model import HeldOut, Mask, Pixels, Sides, Split, SplitSpec
from hsiauto.split.regions import regions_of

# One stream of random numbers per decision: a budget or a buffer never changes which pixels test.
_TEST, _BUDGET, _VALIDATION, _FURTHER_FOLD = range(1, 5)


def make_split(
    labels: Labels,
    spec: SplitSpec,
    train_map: Labels | None = None,
    test_map: Labels | None = None,
    groups: Labels | None = None,
    parts: tuple[Part, ...] = (),
) -> Split:
    """Divide the labelled pixels of `labels` (H, W; 0 = unlabelled, k = class k). Deterministic from `spec.seed`.

    `train_map` and `test_map` (H, W), numbered like `labels`, are read by the `fixed` protocol alone, `groups` (H, W; 0
    where `labels` is) by `groups` and `spectra`. Block and buffer that are automatic are numbers in the split's spec:
    `auto.choose`. parts: the scenes of a mosaic.

    Raises UserError: both budgets given; fewer than two classes before or after the split; nothing left to test, to
    train or to validate; fixed maps that are missing, of another shape, or in conflict with `labels`; no two groups; no
    scene to hold out.
    """
    assert labels.ndim == 2
    assert labels.size > 0
    assert labels.min() >= 0
    n_labelled = np.bincount(labels.ravel())[1:]
    if np.count_nonzero(n_labelled) < 2:
        raise UserError(
            "a split needs two classes with labelled pixels",
            f"{np.count_nonzero(n_labelled)}",
            "Check the ground truth and the ignored labels.",
        )
    spec = settled(spec, choose(labels, spec, train_map, test_map, groups, parts=parts))
    divided = divisible(labels, groups) if spec.by_groups else labels
    sides = _divide(divided, spec, train_map, test_map, groups, parts)
    _not_empty(sides, spec)
    classes, left_out = _scored(labels, divided, sides, untested=spec.protocol == "scenes")
    if len(classes) < 2:
        raise UserError(
            "two classes must be in both train and test",
            f"{len(classes)}; " + "; ".join(f"class {k}: {why}" for k, why in left_out),
            remedy(spec),
        )
    scored = np.isin(labels, classes)
    pool, test = sides.pool & scored, sides.test & scored
    held_out = scenes.held_out(labels, np.where(pool, labels, 0), spec, parts) if spec.protocol == "scenes" else None
    drawn = np.random.default_rng([_VALIDATION, spec.seed])
    train, val = _carve(np.where(pool, labels, 0), spec, groups, parts, held_out, drawn)
    if not val.any():
        raise UserError(
            "a split must leave something to validate without taking a class out of training",
            f"{np.count_nonzero(pool)} training pixels, none of which can be spared",
            remedy(spec),
        )
    return _assemble(spec, train, val, pool, test, classes, left_out, parts, held_out)


def choose(
    labels: Labels,
    spec: SplitSpec,
    train_map: Labels | None = None,
    test_map: Labels | None = None,
    groups: Labels | None = None,
    every: bool = False,
    parts: tuple[Part, ...] = (),
) -> auto.Choice | None:
    """What `auto.choose` finds for `spec`; None if nothing is automatic, or whole scenes validate. Arguments and errors
    as of `make_split`."""
    if spec.protocol in ("fixed", "scenes") and "auto" in (spec.block_size, spec.buffer):
        labels = np.where(_divide(labels, spec, train_map, test_map, None, parts).pool, labels, 0)
        if spec.protocol == "scenes" and scenes.whole(labels, parts):
            return None
    if spec.by_groups:
        labels = divisible(labels, groups)
    return auto.choose(labels, spec, groups, every)


def settled(spec: SplitSpec, choice: auto.Choice | None) -> SplitSpec:
    """`spec` with block and buffer as numbers, if it has them."""
    if choice is None:
        return spec
    return spec.model_copy(update={name: getattr(choice.chosen.squares, name) for name in choice.automatic})


def folds(split: Split, labels: Labels, k: int, groups: Labels | None = None) -> tuple[Split, ...]:
    """Up to `k` splits that differ in validation alone: `split` itself, then such by the same rule out of its pool.

    No pixel (of `blocks` and `fixed`: no block; of `groups`: no group; of `scenes`: no scene) validates twice. Fewer
    than `k` when the pool bears no more: a fold holds two classes, and half as many as the first. Reads pool labels
    only.
    """
    pool, test = _mask(split.pool, split.shape), _mask(split.test, split.shape)
    pool_labels, validated, found = np.where(pool, labels, 0), _mask(split.val, split.shape), [split]
    least = max(2, len(np.unique(labels[validated])) / 2)
    for number in range(2, k + 1):
        rng = np.random.default_rng([_FURTHER_FOLD, split.spec.seed, number])
        train, val = _carve(pool_labels, split.spec, groups, split.parts, split.held_out, rng, validated)
        if len(np.unique(labels[val])) < least:
            break
        validated |= val
        same = split.classes, split.left_out, split.parts, split.held_out
        found.append(_assemble(split.spec, train, val, pool, test, *same))
    return tuple(found)


def split_hash(
    spec: SplitSpec,
    shape: tuple[int, int],
    train: Pixels,
    val: Pixels,
    pool: Pixels,
    test: Pixels,
    classes: tuple[int, ...],
) -> str:
    """sha256 over grid, sets, classes, block and buffer (which bounds what may be trained), 16 hex digits."""
    digest = hashlib.sha256()
    squares = spec.squares if spec.has_squares else ()
    for part in (shape, train, val, pool, test, classes, squares):
        values = np.asarray(part, dtype="<i8")
        digest.update(np.asarray(values.size, dtype="<i8").tobytes() + values.tobytes())
    return digest.hexdigest()[:16]


def _divide(
    labels: Labels,
    spec: SplitSpec,
    train_map: Labels | None,
    test_map: Labels | None,
    groups: Labels | None,
    parts: tuple[Part, ...],
) -> Sides:
    test_rng = np.random.default_rng([_TEST, spec.seed])
    budget_rng = np.random.default_rng([_BUDGET, spec.seed])
    if spec.keeps_apart:
        return blocks.divide(labels, spec, regions_of(labels.shape, spec, groups), test_rng, budget_rng)
    if spec.protocol == "random":
        return stratified.divide(labels, spec, test_rng)
    if spec.protocol == "scenes":
        return scenes.divide(labels, spec, parts, budget_rng)
    return fixed.divide(labels, spec, train_map, test_map, budget_rng)


def _carve(
    pool_labels: Labels,
    spec: SplitSpec,
    groups: Labels | None,
    parts: tuple[Part, ...],
    held_out: HeldOut | None,
    rng: np.random.Generator,
    barred: Mask | None = None,
) -> tuple[Mask, Mask]:
    if held_out is not None and held_out.whole:
        return scenes.carve(pool_labels, spec, parts, rng, barred)
    if spec.protocol == "random":
        return stratified.carve(pool_labels, spec, rng, barred)
    return blocks.carve(pool_labels, spec, regions_of(pool_labels.shape, spec, groups), rng, barred)


def _not_empty(sides: Sides, spec: SplitSpec) -> None:
    for name, mask in (("test", sides.test), ("train", sides.pool)):
        if not mask.any():
            other = sides.pool if name == "test" else sides.test
            raise UserError(
                f"a split must leave something to {name}",
                f"0 pixels ({np.count_nonzero(other)} on the other side)",
                remedy(spec),
            )


def remedy(spec: SplitSpec) -> str:
    """What to change if a part of the split lacks something."""
    if spec.protocol == "random":
        return "Allow more labels."
    if spec.protocol == "scenes":
        return "Allow more labels, or hold another scene out (`split_seed`, `test_scene`)."
    if spec.protocol == "spectra":
        return "Give more groups of each class."
    block_size, buffer = spec.squares
    narrower = f"a buffer below {buffer}" if buffer else ""
    if spec.protocol == "groups":
        return f"Use {narrower + ', ' if buffer else ''}smaller groups, or the blocks protocol."
    smaller = f"a block size below {block_size}" + (f" or {narrower}" if buffer else "")
    return f"Use {smaller}, or " + ("check the maps." if spec.protocol == "fixed" else "the random protocol.")


def _scored(
    labels: Labels, divided: Labels, sides: Sides, untested: bool
) -> tuple[tuple[int, ...], tuple[tuple[int, str], ...]]:
    """Classes on both sides, or `untested` in the pool. divided: `labels` without classes of one group."""
    n_values = int(labels.max()) + 1
    n_all, n_divided, n_pool, n_test = (
        np.bincount(labels[mask], minlength=n_values) for mask in (labels > 0, divided > 0, sides.pool, sides.test)
    )
    scored, left_out = [], []
    for k in range(1, n_values):
        if n_pool[k] and (n_test[k] or untested):
            scored.append(k)
            continue
        why = _reason(int(n_all[k]), int(n_pool[k]), int(n_test[k]), sides.rest)
        if n_divided[k] < n_all[k]:
            why = f"all its {n_all[k]} labelled pixels lie in one group, which cannot both train and test"
        left_out.append((k, why))
    return tuple(scored), tuple(left_out)


def _reason(n_all: int, n_pool: int, n_test: int, rest: str) -> str:
    if not n_all:
        return "no labelled pixel"
    lacking = "training or test" if not (n_pool or n_test) else "test" if n_pool else "training"
    parts = ((n_pool, "train"), (n_test, "test"), (n_all - n_pool - n_test, rest))
    return f"no {lacking} pixel: of {n_all} labelled, " + ", ".join(f"{n} {what}" for n, what in parts if n)


def _mask(pixels: Pixels, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask.ravel()[pixels] = True
    return mask


def _assemble(
    spec: SplitSpec,
    train: Mask,
    val: Mask,
    pool: Mask,
    test: Mask,
    classes: tuple[int, ...],
    left_out: tuple[tuple[int, str], ...],
    parts: tuple[Part, ...],
    held_out: HeldOut | None,
) -> Split:
    shape = (int(pool.shape[0]), int(pool.shape[1]))
    trains, validates, pooled, tests = (np.flatnonzero(mask) for mask in (train, val, pool, test))
    name = split_hash(spec, shape, trains, validates, pooled, tests, classes)
    return Split(spec, shape, trains, validates, pooled, tests, classes, left_out, name, parts, held_out)

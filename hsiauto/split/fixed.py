"""`fixed`: a train map and a test map that somebody else drew, such as a contest's."""

import numpy as np
import numpy.typing as npt

from hsiauto.errors import UserError
from hsiauto.split.budget import Labels, choose, quota
from hsiauto.split.model import Mask, Sides, SplitSpec


def divide(
    labels: Labels, spec: SplitSpec, train_map: Labels | None, test_map: Labels | None, rng: np.random.Generator
) -> Sides:
    """The sides as mapped. Both maps are (H, W), numbered like `labels`, 0 for a pixel outside the set.

    A pixel outside the ground truth, one that contradicts it and a test pixel in the train map too are an error that
    counts them by class, or dropped (the last: from training) with `spec.drop_conflicts`.
    """
    if train_map is None or test_map is None:
        missing = " and ".join(n for n, m in (("train map", train_map), ("test map", test_map)) if m is None)
        raise UserError("the fixed protocol needs a train map and a test map", f"no {missing}", "Give both files.")
    for name, assigned in (("train", train_map), ("test", test_map)):
        if assigned.shape != labels.shape:
            raise UserError(
                f"the {name} map must have the size of the ground truth, {labels.shape[0]} x {labels.shape[1]}",
                " x ".join(map(str, assigned.shape)),
                "Give the map of this scene.",
            )
    both = (train_map != 0) & (test_map != 0)
    conflicts = [*_conflicts("train", labels, train_map), *_conflicts("test", labels, test_map)]
    if both.any():
        conflicts.append(f"{_by_class(train_map[both])} in both maps")
    if conflicts and not spec.drop_conflicts:
        raise UserError(
            "train and test map must agree with the ground truth and exclude each other",
            "; ".join(conflicts),
            "Correct the maps (is their numbering the scene's?) or drop these pixels (drop_conflicts).",
        )
    pool = _agreed(labels, train_map) & (test_map == 0)
    pool = choose(np.where(pool, labels, 0), quota(labels, spec, default_fraction=None), rng)
    return Sides(pool, _agreed(labels, test_map), rest="in neither map or over the budget")


def _agreed(labels: Labels, assigned: Labels) -> Mask:
    return (labels > 0) & (assigned == labels)


def _conflicts(name: str, labels: Labels, assigned: Labels) -> list[str]:
    outside = (assigned != 0) & (labels == 0)
    contrary = (assigned != 0) & (labels != 0) & (assigned != labels)
    found = []
    if outside.any():
        found.append(f"{name} map: {_by_class(assigned[outside])} outside the ground truth")
    if contrary.any():
        found.append(f"{name} map: {_by_class(assigned[contrary])} of another class in the ground truth")
    return found


def _by_class(values: npt.NDArray[np.integer]) -> str:
    classes, counts = np.unique(values, return_counts=True)
    detail = ", ".join(f"class {k}: {n}" for k, n in zip(classes.tolist(), counts.tolist(), strict=True))
    return f"{len(values)} pixels ({detail})"

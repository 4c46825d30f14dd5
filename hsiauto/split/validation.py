"""What the parts of a split can tell: classes that validation lacks, and classes of a handful of pixels."""

from collections.abc import Iterable, Sequence

import numpy as np

from hsiauto.errors import UserError
from hsiauto.split.make import remedy
from hsiauto.split.model import SplitSpec
from hsiauto.split.seal import TrialData

ENOUGH = 10
"""Pixels of a class below which its accuracy is a matter of single pixels."""

Counts = list[tuple[str, int]]
"""(class, pixels); names may be shared."""


def few_pixels(part: str, counts: Iterable[tuple[str, int]]) -> list[str]:
    """Warnings that name the classes with none, and with fewer than ENOUGH pixels in the `part` of a split."""
    counts = list(counts)
    few = ", ".join(f"{name} ({n})" for name, n in counts if 0 < n < ENOUGH)
    none = ", ".join(name for name, n in counts if not n)
    said = [f"{part} holds no pixel of {none}: how well that is told is not measured"] if none else []
    what = f"{part} holds fewer than {ENOUGH} pixels of {few}: accuracies there are a matter of single pixels"
    return [*said, what] if few else said


def validation_warnings(data: TrialData, class_names: Sequence[str], part: str = "validation") -> list[str]:
    """What must be said of the validation of `data`, called `part`. class_names: of its classes, in their order."""
    held, lacking = _by_class(data, class_names)
    found = few_pixels(part, held)
    if lacking:
        without = f"{part} holds no pixel of {_listed(lacking)}, of which training can spare none"
        found.insert(0, f"{without}: validation scores are over the other {len(held)} classes")
    return found


def fewer_folds(found: int, asked: int) -> list[str]:
    """What must be said of `found` further validation folds, of as many as were asked for."""
    if found >= asked:
        return []
    bears = f"{found or 'no'} further validation fold{'s' if found > 1 else ''} of enough classes"
    return [f"the training pool bears {bears}, {asked} were asked for: the choice among candidates rests on less"]


def fold_warnings(found: Sequence[TrialData], asked: int) -> list[str]:
    """What must be said of further validation folds, of as many as were asked for."""
    held, n_classes = [len(np.unique(data.val_labels)) for data in found], max((d.n_classes for d in found), default=0)
    said = fewer_folds(len(held), asked)
    if any(n < n_classes for n in held):
        listed = " and ".join(filter(None, (", ".join(map(str, held[:-1])), str(held[-1]))))
        said.append(f"further validation folds hold {listed} of {n_classes} classes")
    return said


def require_two_classes(data: TrialData, class_names: Sequence[str], spec: SplitSpec) -> None:
    """Raise UserError for a validation of one class: kappa is 0 there whatever is predicted, and by OA, AA and loss a
    model that knows no other class is best."""
    held, lacking = _by_class(data, class_names)
    if len(held) < 2:
        ((only, n),) = held
        raise UserError(
            "validation must hold two classes, or no objective can tell models apart",
            f"{n:,} pixels of {only} alone, and none of {_listed(lacking)}, of which training can spare none",
            f"{remedy(spec)} Another `split_seed` may do too.",
        )


def _by_class(data: TrialData, class_names: Sequence[str]) -> tuple[Counts, Counts]:
    """Validation pixels of the classes that have one, training pixels of the others."""
    n_val, n_train = (
        np.bincount(labels, minlength=data.n_classes).tolist() for labels in (data.val_labels, data.train_labels)
    )
    classes = list(zip(class_names, n_val, n_train, strict=True))
    return [(name, val) for name, val, _ in classes if val], [(name, train) for name, val, train in classes if not val]


def _listed(lacking: Counts) -> str:
    return ", ".join(f"{name} ({n} in training)" for name, n in lacking)

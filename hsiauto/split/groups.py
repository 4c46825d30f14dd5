"""`groups`: groups of labelled pixels, such as fields, are never cut. A class needs two to stand on both sides."""

import numpy as np

from hsiauto.errors import UserError
from hsiauto.split.budget import Labels

_REMEDY = "Check `group_field` or `groups`, or label more; an image may take `protocol` blocks."


def divisible(labels: Labels, groups: Labels | None) -> Labels:
    """`labels` (H, W) without the classes of one group, which no draw puts on both sides.

    Raises UserError if there are no groups, a single one, or fewer than two classes that stand in two or more.
    """
    if groups is None:
        remedy = "Give polygons, or a map of groups beside the label map (`groups`), or take another `protocol`."
        raise UserError("`protocol` groups needs labels with groups", "none", remedy)
    if (n := len(np.unique(groups[groups > 0]))) < 2:
        raise UserError("a split by groups needs two groups or more", n, _REMEDY)
    standing = np.unique(np.stack([labels[labels > 0], groups[labels > 0]]), axis=1)[0]
    kept = np.where(np.isin(labels, np.flatnonzero(np.bincount(standing) < 2)), 0, labels)
    n_classes, n_kept = (len(np.unique(found[found > 0])) for found in (labels, kept))
    if n_kept < 2:
        rule = "a split by groups needs two classes that stand in two groups or more"
        raise UserError(rule, f"{n_kept} of {n_classes}", _REMEDY)
    return kept

"""Label maps for the tests of splits: fabricated fields, and the real ones where they lie beside the checkout."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st
from scipy import ndimage
from scipy.io import loadmat

LabelMap = npt.NDArray[np.int16]

REAL = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def fields(height: int = 60, width: int = 48, n_classes: int = 4, side: int = 6, seed: int = 0) -> LabelMap:
    """Square fields of random classes with unlabelled paths between them: each class stands in many places."""
    rng = np.random.default_rng(seed)
    rows, columns = -(-height // side), -(-width // side)
    classes = rng.permutation(np.arange(rows * columns) % n_classes) + 1
    labels = np.kron(classes.reshape(rows, columns), np.ones((side, side), dtype=int))[:height, :width]
    labels[::side] = 0
    return labels.astype(np.int16)


def groups_of(labels: LabelMap) -> LabelMap:
    """The fields of a map: what hangs together in one class."""
    groups = np.zeros(labels.shape, np.int16)
    for k in range(1, labels.max() + 1):
        parts, _ = ndimage.label(labels == k)
        groups[parts > 0] = parts[parts > 0] + groups.max()
    return groups


@st.composite
def label_maps(draw: st.DrawFn) -> LabelMap:
    """Maps of any shape: fields with holes, some classes rare or missing."""
    labels = fields(
        height=draw(st.integers(12, 70)),
        width=draw(st.integers(12, 70)),
        n_classes=draw(st.integers(2, 7)),
        side=draw(st.integers(2, 12)),
        seed=draw(st.integers(0, 1000)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    labels[rng.random(labels.shape) < draw(st.floats(0, 0.95))] = 0
    return labels


def real(file: str, key: str) -> LabelMap:
    """A real label map, or a skip."""
    path = REAL / file
    if not path.exists():
        pytest.skip(f"needs the real label map ../shared/data/{file}, which is not there")
    labels: LabelMap = loadmat(path)[key].astype(np.int16)
    return labels

"""A scikit-learn model out of a file: what scikit-learn would follow without a look is looked at first.

skops loads known types only, but their arrays are whatever the file holds: scikit-learn's compiled code indexes with
them, so that a crafted file crashes the process or never ends.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from hsiauto.families.base import ClassicalConfig
from hsiauto.models.bundle.content import AGAIN
from hsiauto.scene.memory import require

TRUSTED = ("sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor")
_PARSED = 24
"""Bytes that a byte of JSON may take as Python's objects."""


def load_estimator(content: bytes) -> Any:
    """The estimator in a skops file. Raises ValueError, or what skops raises, for a foreign one."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed entries, which hsiauto does not write")
        require(_PARSED * archive.getinfo("schema.json").file_size, "the description of a model", AGAIN)
        for node in _trees(json.loads(archive.read("schema.json"))):
            _check_construction(archive, node)
    import skops.io  # half a second of a processor, which other families do not need

    return skops.io.loads(content, trusted=list(TRUSTED))


def why_foreign(config: ClassicalConfig, estimator: Any, n_features: int, n_classes: int) -> str:
    """Why `config` cannot have trained `estimator`; empty: it can, and the estimator answers."""
    classes = estimator.classes_
    if type(classes) is not np.ndarray or classes.dtype.kind != "i" or classes.ndim != 1 or not len(classes):
        return "classes that are no list of numbers"
    if classes[0] < 0 or classes[-1] >= n_classes or (np.diff(classes) <= 0).any():
        return "classes of model and config disagree"
    if type(estimator.n_features_in_) is not int or estimator.n_features_in_ != n_features:
        return "features of model and preprocessing disagree"
    for name, value in vars(estimator).items():
        if isinstance(value, np.ndarray) and (value.dtype.kind not in "biuf" or not np.isfinite(value).all()):
            return f"NaN, infinite or no numbers in {name}"
    if why := config.why_foreign(estimator, n_features):
        return why
    answer = config.probabilities(estimator, np.zeros((2, n_features), np.float32))
    return (
        "" if answer.shape == (2, len(classes)) and np.isfinite(answer).all() else "answers that are no probabilities"
    )


def _trees(schema: Any) -> Iterator[dict[str, Any]]:
    """Every node of skops' schema that becomes a compiled tree."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "Tree" in (node.get("__class__"), str(node.get("__loader__")).removesuffix("Node")):
                yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _check_construction(archive: zipfile.ZipFile, node: dict[str, Any]) -> None:
    """Raise ValueError for sizes that the tree's constructor would take on trust.

    A tree that stands a second time may be there by its id alone: it was checked where it was first.
    """
    if "content" not in node or "__reduce__" not in node:
        raise ValueError("a tree without its content")
    _, n_classes, n_outputs = node["__reduce__"]["args"]["content"]
    counts, nodes = (_array(archive, part) for part in (n_classes, node["content"]["content"]["nodes"]))
    if n_outputs["content"] != "1" or counts.shape != (1,) or counts.dtype != np.intp:
        raise ValueError("a tree with several outputs")
    if node["content"]["content"]["node_count"]["content"] != str(len(nodes)):
        raise ValueError("a tree with another number of nodes than it says")


def _array(archive: zipfile.ZipFile, node: dict[str, Any]) -> np.ndarray[Any, np.dtype[Any]]:
    return np.asarray(np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False))

"""A classical model as EnMAP-Box's classification algorithms load it: a dictionary of classifier, features, categories.

https://github.com/EnMAP-Box/enmap-box, `ClassifierDump`: the file holds types of scikit-learn, NumPy and SciPy, and its
`Category`; raw spectra go in, the values of the label map come out.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.models.bundle import Bundle
from hsiauto.models.fitted import ClassicalFitted


@dataclass
class Category:
    """EnMAP-Box's class of that name, under which it is stored."""

    value: int
    name: str
    color: str


Category.__module__ = "enmapboxprocessing.typing"


def why_no_pipeline(bundle: Bundle) -> str:
    """Why a model is no scikit-learn pipeline of one pixel's spectrum; empty: it is."""
    fitted = bundle.fitted
    if not isinstance(fitted, ClassicalFitted):
        return f"{fitted.config.family} is no model of scikit-learn"
    if fitted.features.support:
        return f"{fitted.config.family} with features {fitted.config.features} reads neighbouring pixels"
    return ""


def write_skops(bundle: Bundle, path: Path) -> list[str]:
    """Write the dictionary. Raises UserError for a model that is no pipeline, and if the file cannot be written."""
    if why := why_no_pipeline(bundle):
        remedy = "Export the bundle of one, such as `hsiauto train lda` writes, or write another format."
        raise UserError("EnMAP-Box takes scikit-learn models of single pixels", why, remedy)
    told = bundle.provenance
    colours = told.class_colours or ("000000",) * len(told.class_names)
    stored: dict[str, Any] = {
        "categories": [
            Category(value, name, f"#{colour}")
            for value, name, colour in zip(told.label_values, told.class_names, colours, strict=True)
        ],
        "features": _features(bundle),
        "X": None,
        "y": None,
        "classifier": pipeline(bundle),
    }
    with atomic_path(path) as temporary:
        skops.io.dump(stored, temporary)
    smoothing = getattr(bundle.fitted.config, "smoothing", "none")
    without = [] if smoothing == "none" else [f"without its filter over space, {smoothing}: maps are less smooth"]
    return [f"{path}: {bundle.fitted.config.family}, {bundle.fitted.n_bands} bands", *without]


def pipeline(bundle: Bundle) -> Pipeline:
    """Standardisation and classifier: spectra (N, C) as in the scene's file -> label values (N,)."""
    fitted = bundle.fitted
    assert isinstance(fitted, ClassicalFitted)
    projection = fitted.features.projection
    estimator: Any = copy.deepcopy(fitted.estimator)
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = projection.mean.astype(float), 1 / np.diag(projection.matrix).astype(float)
    scaler.var_, scaler.n_features_in_, scaler.n_samples_seen_ = scaler.scale_**2, projection.n_bands, 1
    # what scikit-learn answers is taken from there; nothing else of an estimator depends on it
    estimator.classes_ = np.asarray(bundle.provenance.label_values)[estimator.classes_]
    return make_pipeline(scaler, estimator)


def _features(bundle: Bundle) -> list[str]:
    """Names of the bands as EnMAP-Box gives them to products that it imports."""
    nm, dropped = bundle.provenance.wavelengths_nm, set(bundle.provenance.dropped_bands)
    numbers = [band + 1 for band in range(bundle.fitted.n_bands + len(dropped)) if band not in dropped]
    if nm is None:
        return [f"band {number}" for number in numbers]
    return [f"band {number} ({length} Nanometers)" for number, length in zip(numbers, nm, strict=True)]

"""A bundle as a STAC item with the Machine Learning Model extension, by which catalogues find models.

https://github.com/stac-extensions/mlm, version 1.5.2. What it has no field for stands under `hsiauto:`: by which
protocol the model was tested, on which split, and how far position alone comes.
"""

import json
import os
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hsiauto.errors import UserError
from hsiauto.files import atomic_path
from hsiauto.models.bundle import Bundle
from hsiauto.models.bundle.content import FILES, MODEL, WEIGHTS
from hsiauto.models.fitted import ClassicalFitted, TorchFitted
from hsiauto.models.preprocess import Projection

MLM = "https://stac-extensions.github.io/mlm/v1.5.2/schema.json"
_EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
_CLASSES = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_SHARED = ("dataset", "data_hash", "split_hash", "protocol", "seed", "test_scores", "test_pixels", "canary_oa")
_MODELS = {WEIGHTS: "safetensors", MODEL: "skops"}


def write_stac(bundle: Bundle, path: Path) -> list[str]:
    """Write the item of a bundle that was loaded from a folder; its assets are paths from there to the bundle's files.

    Raises UserError for a bundle without a folder, and if the file cannot be written.
    """
    item = stac_item(bundle, path)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [f"{path}: {item['id']}, {len(item['assets'])} assets"]


def stac_item(bundle: Bundle, path: Path) -> dict[str, Any]:
    """The item as it will stand at `path`. Raises UserError for a bundle without a folder."""
    if bundle.folder is None:
        raise UserError("a STAC item leads to a bundle's files", "a model without a folder", "Save it first.")
    fitted, told = bundle.fitted, bundle.provenance
    name = f"{fitted.config.family} for {told.dataset}"
    properties: dict[str, Any] = {
        "title": name,
        "datetime": told.created_at,
        "mlm:name": name,
        "mlm:architecture": fitted.config.family,
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "hsiauto",
        "mlm:framework_version": told.versions.get("hsiauto", version("hsiauto")),
        "mlm:pretrained": False,
        "mlm:pretrained_source": None,
        "mlm:accelerator": None,
        "mlm:hyperparameters": fitted.config.active(),
        "mlm:input": [_input(bundle)],
        "mlm:output": [_output(bundle)],
        "bands": list(_bands(bundle)),
        **{f"hsiauto:{field}": value for field, value in told.model_dump(mode="json", include={*_SHARED}).items()},
        "hsiauto:oa_by_distance": told.oa_by_distance,
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM, _EO, _CLASSES],
        "id": f"{fitted.config.family}-{told.dataset}-{told.split_hash}-{told.seed}",
        "geometry": None,  # a model has no place: where it may be used, its area of applicability says
        "properties": properties,
        "links": [],
        "assets": dict(_assets(bundle.folder, path)),
    }


def _bands(bundle: Bundle) -> Iterator[dict[str, Any]]:
    """STAC's bands: the number in the training scene's file, and the wavelength in micrometres."""
    n_bands, dropped = bundle.fitted.n_bands, set(bundle.provenance.dropped_bands)
    numbers = [band + 1 for band in range(n_bands + len(dropped)) if band not in dropped]
    for place, number in enumerate(numbers):
        nm = bundle.provenance.wavelengths_nm
        yield {"name": f"band {number}"} | ({} if nm is None else {"eo:center_wavelength": round(nm[place] / 1000, 7)})


def _input(bundle: Bundle) -> dict[str, Any]:
    """The pixels that one prediction reads: a window around its own."""
    side = 2 * bundle.fitted.support + 1
    scaling = _scaling(bundle)
    return {
        "name": "window around the pixel, values as in the scene's file",
        "bands": [band["name"] for band in _bands(bundle)],
        "input": {
            "shape": [-1, side, side, bundle.fitted.n_bands],
            "dim_order": ["batch", "height", "width", "bands"],
            "data_type": "float32",
        },
        "value_scaling": scaling,
        "resize_type": None,
        "pre_processing_function": None
        if scaling is not None
        else {"format": "python", "expression": "hsiauto.models.preprocess.Projection"},
    }


def _scaling(bundle: Bundle) -> list[dict[str, Any]] | None:
    """Mean and deviation of each band; None where bands are mixed, or several members do so each by itself."""
    projection = _projection(bundle)
    if projection is None or projection.n_bands != projection.n_channels:
        return None
    each = np.diag(projection.matrix)
    if np.count_nonzero(projection.matrix) > np.count_nonzero(each):
        return None
    return [
        {"type": "z-score", "mean": float(mean), "stddev": float(1 / scale)}
        for mean, scale in zip(projection.mean, each, strict=True)
    ]


def _projection(bundle: Bundle) -> Projection | None:
    match bundle.fitted:
        case TorchFitted(projection=projection):
            return projection
        case ClassicalFitted(features=features) if features.support == 0:
            return features.projection
        case _:
            return None


def _output(bundle: Bundle) -> dict[str, Any]:
    told = bundle.provenance
    colours = told.class_colours or ("",) * len(told.class_names)
    classes = [
        {"value": value, "name": _identifier(name, value), "title": name, "description": name}
        | ({"color_hint": colour.upper()} if colour else {})
        for value, name, colour in zip(told.label_values, told.class_names, colours, strict=True)
    ]
    return {
        "name": "probability of each class",
        "tasks": ["semantic-segmentation"],
        "result": {"shape": [-1, len(classes)], "dim_order": ["batch", "class"], "data_type": "float32"},
        "classification:classes": classes,
        "post_processing_function": None,
    }


def _identifier(name: str, value: int) -> str:
    """The extension takes letters, digits, - and _ alone; the name itself is the title."""
    return re.sub(r"[^0-9A-Za-z_-]+", "-", name).strip("-") or f"class-{value}"


def _assets(folder: Path, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The bundle's files by their names; those that hold weights are the model."""
    for name in sorted(FILES):
        if not (folder / name).is_file():
            continue
        asset: dict[str, Any] = {"href": Path(os.path.relpath(folder / name, path.parent)).as_posix()}
        kind = _MODELS.get(Path(name).name)
        if kind is not None:
            asset |= {"type": "application/octet-stream", "roles": ["mlm:model", "mlm:weights"]}
            asset["mlm:artifact_type"] = kind
        else:
            asset["roles"] = ["metadata"]
        yield name, asset

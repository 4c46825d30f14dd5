"""What stands in for a reader's data and patience, so that every block of the documentation runs in seconds.

Files of the names that the pages use hold a small scene, and scenes that must be downloaded are that scene too.
Trainings have one epoch and one seed, searches two quick families. Every option that a page writes is still passed on.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import rasterio.features
import scipy.io
from rasterio.transform import from_origin
from scipy import ndimage

from hsiauto.scene.model import Scene
from hsiauto.scene.registry import known_scenes

_SHORT = {"--max-epochs": "1"}
_BLOCKS = {"--block-size": "10", "--buffer": "1"}
"""Blocks of a scene of 40 x 40 pixels, whose fields are 10 pixels wide."""
_SEARCH = {"--families": "svm,forest", "--winner-seeds": "1", "--other-seeds": "1", "--further-splits": "0"}
_SEARCH |= {"--further-folds": "0", "--concurrency": "1"}  # each phase starts as many processes
QUICK = {
    "search": _SHORT | _SEARCH,
    "train": _SHORT,
    "study": _SHORT,
    "estimate": _SHORT,
}
"""Options of each command where the page does not write them itself."""
_SMALLER = {"--budget": "2", "--cycles": "2", "--label-budget": "60", "--seeds": "1", "--splits": "1"}
"""Values that a page's own are replaced by; `--initial` and the like are shares, which fit any scene."""
_FAMILY = {"estimate": ["svm"]}
"""A family where a page leaves out an argument that means all of them."""
_DOWNLOADED = set(known_scenes()) - {"demo"}
_PYTHON = "budget=2, families=('svm', 'forest'), max_epochs=1, winner_seeds=1, other_seeds=1, further_splits=0"
_PYTHON += ", further_folds=0, concurrency=1"
_PYTHON += ", split=hsiauto.SplitSpec(block_size=10, buffer=1)"


def write_files(folder: Path, scene: Scene) -> None:
    """Write `scene` and its labels into `folder` under every file name that the pages use."""
    labels = np.asarray(scene.labels)
    even = np.indices(labels.shape)[0] // 10 % 2 == 0  # whole rows of fields
    scipy.io.savemat(folder / "cube.mat", {"cube": scene.cube})
    scipy.io.savemat(folder / "labels.mat", {"labels": labels})
    scipy.io.savemat(folder / "train.mat", {"train": np.where(even, labels, 0)})
    scipy.io.savemat(folder / "test.mat", {"test": np.where(even, 0, labels)})
    place = from_origin(500_000, 4_000_000, 20, 20)
    image = {"count": scene.n_bands, "height": scene.height, "width": scene.width, "dtype": scene.cube.dtype}
    with rasterio.open(folder / "cube.tif", "w", crs="EPSG:32616", transform=place, **image) as raster:
        raster.write(scene.cube.transpose(2, 0, 1))
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32616"}}
    fields = [
        {"type": "Feature", "geometry": geometry, "properties": {"crop": scene.class_names[int(value) - 1]}}
        for geometry, value in rasterio.features.shapes(labels, labels > 0, transform=place)
    ]
    (folder / "fields.geojson").write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": fields}))
    scipy.io.savemat(folder / "groups.mat", {"groups": ndimage.label(labels)[0]})
    for name, columns in (("north", slice(0, 40)), ("middle", slice(0, 30)), ("south", slice(10, 40))):
        np.save(folder / f"{name}.npy", scene.cube[:, columns])
        np.save(folder / f"{name}_gt.npy", labels[:, columns])
    told = [("crop", "plot", *(f"{400 + 10 * band}" for band in range(scene.n_bands)))]
    for row, column in np.argwhere(labels).tolist():
        crop = scene.class_names[int(labels[row, column]) - 1]
        told.append((f'"{crop}"', f"{row // 10}-{column // 10}", *map(str, scene.cube[row, column])))
    (folder / "spectra.csv").write_text("\n".join(map(",".join, told)))
    np.savez(folder / "several.npz", cube=scene.cube, labels=labels, elevation=np.zeros(labels.shape))


def arguments(command: str) -> list[str]:
    """The arguments that run `hsiauto ...`, as a page has it, on the small scene."""
    name, *words = shlex.split(command)[1:]
    adapted = [name, *_FAMILY.get(name, ())]
    for before, word in zip([name, *words], words, strict=False):
        if before == "--dataset" and word in _DOWNLOADED:
            adapted += ["cube.mat", "--labels", "labels.mat"]
        else:
            adapted.append({**_SMALLER, **_BLOCKS}.get(before, word))
    return _quick(name, adapted)


def _quick(name: str, words: list[str]) -> list[str]:
    if "--resume" in words or not {"--dataset", "--config"} & set(words):
        return words
    options = dict(QUICK.get(name, {}))
    if name in ("search", "train", "study") and "--protocol" not in words:
        options |= _BLOCKS
    for option, value in options.items():
        if option not in words:
            words += [option, value]
    return words


def python(text: str) -> str:
    """A block of Python with a search of seconds; a classifier is a preset."""
    text = re.sub(r"HSIClassifier\(budget=[1-9]\d*", "HSIClassifier(budget=0, families=('lda',)", text)
    return re.sub(r"budget=[1-9]\d*", _PYTHON, text)

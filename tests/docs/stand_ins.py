"""What stands in for a reader's data and patience, so that every block of the documentation runs in seconds.

Files of the names that the pages use hold a small scene; `demo` and scenes that must be downloaded are that scene too;
a run is of two quick families, one epoch and one seed. Every option that a page writes is still passed on.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import scipy.io

from hsiauto.scene.model import Scene
from hsiauto.scene.registry import known_scenes

QUICK = {
    "search": "--max-epochs 1 --families svm,forest --winner-seeds 1 --other-seeds 1 --further-splits 0",
    "train": "--max-epochs 1",
    "study": "--max-epochs 1",
    "estimate": "--max-epochs 1 --families svm,forest",
}
"""Options that shorten a command, where the page does not write them itself."""

SMALL_BLOCKS = "--block-size 10 --buffer 1"
"""The blocks of a scene of 40 x 40 pixels."""

_PYTHON = "budget=2, families=('svm', 'forest'), max_epochs=1, winner_seeds=1, other_seeds=1, further_splits=0"


def write_files(folder: Path, scene: Scene) -> None:
    """Write `scene` and its labels into `folder` under every file name that the pages use."""
    labels = np.asarray(scene.labels)
    fields = np.indices(labels.shape)[0] // 10 % 2  # rows of fields, so that training and test are disjoint
    scipy.io.savemat(folder / "cube.mat", {"cube": scene.cube})
    scipy.io.savemat(folder / "labels.mat", {"labels": labels})
    scipy.io.savemat(folder / "train.mat", {"train": np.where(fields == 0, labels, 0)})
    scipy.io.savemat(folder / "test.mat", {"test": np.where(fields == 1, labels, 0)})
    np.savez(folder / "several.npz", cube=scene.cube, labels=labels, elevation=np.zeros(labels.shape))


def arguments(command: str) -> list[str]:
    """`hsiauto ...` of a page -> the arguments that run it on the small scene."""
    words = shlex.split(command)[1:]
    name, typed = words[0], set(words)
    downloaded = [scene for scene in known_scenes() if scene != "demo"]
    if "--dataset" in typed and (place := words.index("--dataset") + 1) and words[place] in downloaded:
        words[place : place + 1] = ["cube.mat", "--labels", "labels.mat"]
    resumes = "--resume" in typed or "--config" in typed
    for option in () if resumes else shlex.split(QUICK.get(name, "")):
        if option.startswith("--") and option not in typed:
            extra = shlex.split(QUICK[name])
            words += extra[extra.index(option) : extra.index(option) + 2]
    if name in ("search", "train", "study") and not resumes and not typed & {"--block-size", "--protocol"}:
        words += SMALL_BLOCKS.split()
    return [_smaller(word) for word in words]


def _smaller(word: str) -> str:
    return word


def python(text: str) -> str:
    """A Python block with the budget of a test."""
    return re.sub(r"budget=\d+", _PYTHON, text)

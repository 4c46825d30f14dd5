"""Command lines that most cases use, and what must be true of their results."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.hostile.case import ACCEPTED, Case, Make
from tests.hostile.template import RANDOM, VALUES, labels

Content = Callable[[Path], object]
"""Writes the file at a path."""


def file(name: str, content: Content | bytes | str) -> Make:
    """Write one file of a case."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        else:
            content(path)

    return make


def several(*makes: Make) -> Make:
    def make(folder: Path) -> None:
        for one in makes:
            one(folder)

    return make


def classify(name: str, make: Make, scene: str, *more: str, words: str = "", codes: tuple[int, ...] = (2,)) -> Case:
    """`hsiauto predict` of the scene that `make` writes; if it is accepted, its map must be the right one."""
    argv = ("predict", "bundle", scene, "--out", "map.npy", *more)
    return Case(name, argv, make, codes, words, check=right_map, writes=("map.npy",))


def reads(name: str, make: Make, scene: str, *more: str, told: str = "") -> Case:
    """The same of a scene that is legal."""
    return replace(classify(name, make, scene, *more, codes=ACCEPTED), told=told)


def right_map(folder: Path) -> str:
    found = np.load(folder / "map.npy")
    wrong = int((found != labels()).sum()) if found.shape == labels().shape else -1
    return f"a wrong map: {wrong} pixels differ" if wrong else ""


def estimated(name: str, make: Make | None, *arguments: str, words: str = "", codes: tuple[int, ...] = (2,)) -> Case:
    """`hsiauto estimate` of a scene with labels, which opens, checks and splits it."""
    scene = () if "--dataset" in arguments else ("--dataset", "cube.npy")
    protocol = () if "--protocol" in arguments else RANDOM
    argv = ("estimate", "svm", "--preset", "paper", *scene, *protocol, *arguments)
    return Case(name, argv, make, codes, words, told="svm" if 0 in codes else "")


def searched(name: str, make: Make | None, *arguments: str, words: str = "") -> Case:
    """`hsiauto search` that must be refused before Ray starts and before a folder is made."""
    scene = () if "--dataset" in arguments else ("--dataset", "cube.npy", "--labels", "labels.npy", *RANDOM)
    return Case(name, ("search", *scene, *arguments), make, words=words)


__all__ = ["VALUES", "Content", "classify", "estimated", "file", "reads", "right_map", "searched", "several"]

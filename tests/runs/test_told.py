"""What is said of scene and split before the first trial."""

from pathlib import Path

import numpy as np

from hsiauto.config import RunConfig
from hsiauto.runs.prepare import Prepared, prepare
from hsiauto.runs.told import scene_line, split_lines
from hsiauto.scene.source import SceneSource
from hsiauto.split import SplitSpec
from hsiauto.split.counts import class_counts
from tests.split.maps import LabelMap, fields


def opened(folder: Path, labels: LabelMap, command: str = "search") -> Prepared:
    cube = np.random.default_rng(0).normal(size=(*labels.shape, 4)).astype(np.float32)
    cube[0, :3] = np.nan
    np.save(folder / "cube.npy", cube)
    np.save(folder / "labels.npy", labels)
    source = SceneSource(dataset=str(folder / "cube.npy"), labels=folder / "labels.npy")
    given = {"scene": source, "split": SplitSpec(block_size=16), "families": ("forest",), "command": command}
    return prepare(RunConfig.model_validate(given))


def rare_class() -> LabelMap:
    """Four classes, the last of which stands in one block alone."""
    labels = fields(96, 96, side=8, n_classes=3)
    labels[2:5, 2:4] = 4
    return labels


def test_scene_split_and_what_the_space_lost_are_told_in_this_order(tmp_path: Path) -> None:
    found = opened(tmp_path, rare_class())
    told, split = found.told, found.split
    assert told[0].startswith(
        "cube: 96 x 96 pixels, 3 of them without data; 4 bands; 8,064 labelled pixels of 4 classes"
    )
    assert "spatial blocks of 16 with a buffer of 8, seed 0: " in told[1]
    assert f"{len(split.train):,} train, {len(split.val):,} validation, {len(split.test):,} test pixels; " in told[1]
    assert [line.split()[:2] for line in told[2:6]] == [["class", str(k)] for k in range(1, 5)]
    assert told[5].endswith("6 labelled  left out")
    words = (
        "(buffer automatic)",
        "class 4 is left out: no ",
        "forest starts with sigma 2 instead of 4",
        "test pixels lie 9",
    )
    places = [next(place for place, line in enumerate(told) if word in line) for word in words]
    assert places == sorted(places)


def test_without_validation_the_pool_trains(tmp_path: Path) -> None:
    found = opened(tmp_path, rare_class(), command="train")
    (line,) = [line for line in found.told if line.startswith("split ")]
    assert f"{len(found.split.pool):,} train, {len(found.split.test):,} test pixels" in line
    assert "validation" not in line


def test_a_screen_does_not_run_over(tmp_path: Path) -> None:
    found = opened(tmp_path, fields(200, 200, n_classes=40, side=5))
    lines = split_lines(found.scene, found.split, validates=True)
    assert len(lines) == 32
    assert lines[-1] == "  and 10 more classes (`hsiauto split` lists them)"
    assert scene_line(found.scene).endswith("of 40 classes")


def test_counts_are_those_of_the_split(tmp_path: Path) -> None:
    found = opened(tmp_path, rare_class())
    counts = class_counts(found.scene.labels, [found.split])
    assert sum(one.train for one in counts) == len(found.split.train)
    assert sum(one.val[0] for one in counts) == len(found.split.val)
    assert sum(one.pool for one in counts) == len(found.split.pool)
    assert sum(one.test for one in counts) == len(found.split.test)
    assert (counts[3].labelled, counts[3].pool, counts[3].test) == (6, 0, 0)

"""The invariant of `blocks`: no window around a test pixel holds a training pixel, nor around a validation pixel one
that it was fitted on, whatever the label map, the split, the family and its smoothing."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hsiauto.errors import UserError
from hsiauto.families import FAMILIES
from hsiauto.families.base import SEARCHED, FamilyConfig, TileConfig
from hsiauto.space import SceneSize, Space
from hsiauto.space.scene_size import fit_preset
from hsiauto.split import Split, SplitSpec, folds, make_split
from hsiauto.split.model import Pixels
from tests.split.maps import LabelMap, fields, groups_of, label_maps

NAMES = [name for name, config in FAMILIES.items() if config.kind in SEARCHED]
SMOOTHED = "  smoothing: {choices: [none, majority, guided]}\n  smoothing_radius: {low: 1, high: 8}"


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Space]:
    """Family -> its part of the space that ships, with smoothing searched too."""
    shipped = Path("search_spaces/unified.yaml").read_text(encoding="utf-8")
    file = tmp_path_factory.mktemp("space") / "smoothed.yaml"
    file.write_text(re.sub(r"(?m)^\w+:$", lambda family: f"{family[0]}\n{SMOOTHED}", shipped))
    return {family: Space.load(str(file), families=[family]) for family in NAMES}


def holds(split: Split, pixels: Pixels, around: Pixels, radius: int) -> bool:
    """Whether the window of `radius` around one of `around` holds one of `pixels`."""
    mask = np.zeros(split.shape, dtype=bool)
    mask.ravel()[pixels] = True
    return bool(ndimage.maximum_filter(mask, size=2 * radius + 1, mode="constant").ravel()[around].any())


def keeps(split: Split, labels: LabelMap, config: FamilyConfig) -> bool:
    """The invariant. Where a tile family scores, its tiles hold no training pixel: only its smoothing reads further."""
    radius = config.smoothing_reach if isinstance(config, TileConfig) else config.support
    validations = folds(split, labels, 4, groups_of(labels))
    fitted = [(split.pool, split.test), *((fold.train, fold.val) for fold in validations)]
    return not any(holds(split, pixels, around, radius) for pixels, around in fitted)


@settings(max_examples=120, deadline=None)
@given(
    labels=label_maps(),
    seed=st.integers(0, 20),
    block_size=st.integers(4, 24),
    buffer=st.integers(0, 12),
    family=st.sampled_from(NAMES),
    protocol=st.sampled_from(("blocks", "groups")),
)
def test_no_window_of_a_search_holds_what_it_was_fitted_on(
    spaces: dict[str, Space], labels: LabelMap, seed: int, block_size: int, buffer: int, family: str, protocol: Any
) -> None:
    try:
        spec = SplitSpec(protocol=protocol, seed=seed, block_size=block_size, buffer=buffer)
        split = make_split(labels, spec, groups=groups_of(labels))
        space = spaces[family].bind(60, len(split.train), *split.shape, len(split.classes), split.buffer)
    except UserError:
        assume(False)
        raise
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for config in (*space.presets(family), *(space.suggest(study.ask(), family) for _ in range(4))):
        assert keeps(split, labels, config), config


def test_a_window_of_one_more_pixel_would_hold_some() -> None:
    labels = fields(96, 96, side=8)
    split = make_split(labels, SplitSpec(block_size=16, buffer=6))
    assert not holds(split, split.pool, split.test, 6)
    assert holds(split, split.pool, split.test, 7)


@pytest.mark.parametrize("buffer", range(9))
@pytest.mark.parametrize("family", NAMES)
def test_the_nearest_config_is_within_the_buffer_and_loses_no_more_than_it_must(family: str, buffer: int) -> None:
    size = SceneSize(60, 500, 96, 96, buffer)
    for preset in FAMILIES[family].presets:
        config = FAMILIES[family].preset(preset)
        if family in ("cnn2d", "cnn3d") and buffer < config.active()["depth"]:
            with pytest.raises(UserError, match=f"a buffer of {config.support} or more"):
                fit_preset(config, size)
            continue
        fitted = fit_preset(config, size)
        assert size.fits(fitted)
        if not size.reaches_over(config):
            assert fitted == config.bounded(60, 500)


def test_of_an_interval_the_part_within_the_buffer_is_searched() -> None:
    ranges = Space.load("unified", ["svm", "cnn2d"]).bind(60, 500, 96, 96, 5, buffer=6).parts
    assert (str(ranges["svm"].ranges["sigma"]), str(ranges["cnn2d"].ranges["patch"])) == (
        "1 to 1.5, log",
        "5 to 13, step 2",
    )
    assert ranges["svm"].preset() == FAMILIES["svm"].preset("paper")


def test_what_the_buffer_changed_is_told() -> None:
    notes = Space.load("unified", ["forest", "svm", "hybridsn", "cnn1d"]).bind(200, 900, 99, 99, 9, buffer=8).notes
    assert notes == (
        "windows end at the buffer (8), so forest starts with sigma 2 instead of 4; hybridsn starts with patch 17 "
        "instead of 25",
        "windows end at the buffer (8), so forest and svm search sigma 1 to 2; hybridsn searches patch 9 to 17",
    )
    assert Space.load("unified").bind(200, 900, 99, 99, 9, buffer=None).notes == ()
    (note,) = Space.load("unified", ["cnn2d"]).bind(8, 900, 99, 99, 9).notes
    assert note.startswith("the scene holds no more, so cnn2d starts with components 8 instead of ")


def test_a_family_without_a_window_that_ends_there_is_left_out_or_refused() -> None:
    space = Space.load("unified", ["cnn3d", "cnn1d"]).bind(60, 500, 96, 96, 5, buffer=0)
    assert space.families == ("cnn1d",)
    assert space.notes == ("left out: cnn3d, of which every window reaches over the buffer (0)",)
    with pytest.raises(UserError, match=r"none of cnn3d \(radius 2\) can\. Widen the `buffer`"):
        Space.load("unified", ["cnn3d"]).bind(60, 500, 96, 96, 5, buffer=0)
    with pytest.raises(UserError, match=r"received cnn2d with patch=15\. Set `buffer` to 7 or more"):
        Space.load("unified", ["cnn2d"], {"cnn2d.patch": 15}).bind(60, 500, 96, 96, 5, buffer=6)


@pytest.mark.parametrize("protocol", ["random", "fixed"])
def test_other_protocols_clip_nothing(protocol: str) -> None:
    labels = fields(64, 64)
    maps = (np.where(np.arange(64) < 32, labels, 0), np.where(np.arange(64) < 32, 0, labels))
    split = make_split(labels, SplitSpec.model_validate({"protocol": protocol}), *maps)
    assert split.buffer is None

"""`scenes`: a whole scene tests, whole scenes or blocks of the other validate, and between scenes is no distance."""

from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.families.references import Coordinate1NNConfig
from hsiauto.models.fitted.reference import fit_reference
from hsiauto.scene.model import Part, Scene
from hsiauto.scene.mosaic import GAP, mosaic, within
from hsiauto.split import Split, SplitSpec, choose, folds, load_split, make_split, overlap, save_split
from hsiauto.split.distance import ELSEWHERE, IN_ANOTHER_SCENE, Distances
from hsiauto.split.regions import block_ids
from hsiauto.split.seal import class_names, seal, training_data
from tests.scene.several_scenes import scene
from tests.split.maps import fields

NAMES = ("corn", "wheat", "oats", "rye")


def farm(*classes: tuple[str, ...], height: int = 60, width: int = 48) -> Scene:
    """A scene for each list of classes, of fields of six pixels."""
    scenes = []
    for number, names in enumerate(classes):
        one = scene(f"s{number}", height, width - 2 * number, names=names, values=tuple(map(NAMES.index, names)))
        one.labels[:] = fields(height, width - 2 * number, len(names), seed=number)
        scenes.append(one)
    return mosaic(scenes, "farm")


def split_of(whole: Scene, **spec: object) -> Split:
    return make_split(whole.labels, SplitSpec.model_validate({"protocol": "scenes", **spec}), parts=whole.parts)


def scenes_of(pixels: np.ndarray, whole: Scene) -> set[str]:
    mask = np.zeros(whole.labels.shape, bool)
    mask.ravel()[pixels] = True
    return {part.name for part in whole.parts if within(mask, part).any()}


def test_each_scene_is_held_out_in_turn_and_whole_scenes_validate() -> None:
    whole = farm(NAMES, NAMES, NAMES)
    for seed, name in enumerate(["s0", "s1", "s2", "s0"]):
        split = split_of(whole, seed=seed)
        assert scenes_of(split.test, whole) == {name}
        assert len(split.test) == np.count_nonzero(within(whole.labels, whole.parts[seed % 3]))
        assert scenes_of(split.pool, whole) == {"s0", "s1", "s2"} - {name}
        found = folds(split, whole.labels, 4)
        assert len(found) == 2, "each training scene validates once"
        for fold in found:
            assert len(scenes_of(fold.val, whole)) == 1
            assert not scenes_of(fold.val, whole) & scenes_of(fold.train, whole)
    assert split_of(whole).further_seeds(5) == [1, 2]
    assert split_of(whole, test_scene="s2").further_seeds(5) == []
    assert scenes_of(split_of(whole, test_scene="s2").test, whole) == {"s2"}


def test_no_window_meets_another_scene() -> None:
    whole = farm(NAMES, NAMES, NAMES)
    split = split_of(whole)
    assert split.buffer == GAP
    assert choose(whole.labels, split.spec, parts=whole.parts) is None, "no block is needed"
    below, above = whole.parts[1], whole.parts[0]
    assert below.top - (above.top + above.height) == GAP


def test_blocks_of_the_one_other_scene_validate() -> None:
    whole = farm(NAMES, NAMES)
    split = split_of(whole, block_size=16)
    assert scenes_of(split.train, whole) == scenes_of(split.val, whole) == {"s1"}
    buffer = split.spec.squares.buffer
    assert split.buffer == buffer
    rows, columns = (np.divmod(pixels, whole.width) for pixels in (split.train, split.val))
    apart = np.maximum(np.abs(rows[0][:, None] - columns[0]), np.abs(rows[1][:, None] - columns[1]))
    assert apart.min() > buffer
    assert make_split(whole.labels, split.spec, parts=whole.parts) == split


def test_groups_of_the_one_other_scene_validate_if_it_has_groups() -> None:
    whole = farm(NAMES, NAMES)
    groups = np.where(whole.labels > 0, block_ids((whole.height, whole.width), 6) + 1, 0)
    spec = SplitSpec(protocol="scenes", buffer=0)
    split = make_split(whole.labels, spec, groups=groups, parts=whole.parts)
    assert scenes_of(split.val, whole) == {"s1"}
    flat = groups.ravel()
    assert not set(flat[split.val]) & set(flat[split.train])
    assert len(split.val) + len(split.train) == len(split.pool)
    second = folds(split, whole.labels, 2, groups)[1]
    assert not set(flat[second.val]) & (set(flat[second.train]) | set(flat[split.val]))


def test_a_class_of_the_training_scenes_alone_is_learned_and_one_of_the_test_scene_alone_is_left_out() -> None:
    whole = farm(("corn", "wheat", "rye"), NAMES[:3], NAMES[:3])
    split = split_of(whole)
    named = {whole.class_names[k - 1] for k in split.classes}
    assert named == {"corn", "wheat", "oats"}
    (left_out,) = split.left_out
    assert whole.class_names[left_out[0] - 1] == "rye"
    assert "no training pixel" in left_out[1]
    names, counts = class_names(whole, split), seal(whole, split)[1].pixels_by_class
    assert [name for name, n in zip(names, counts, strict=True) if not n] == ["oats"]


def test_validation_takes_no_class_out_of_training() -> None:
    whole = farm(NAMES[:3], NAMES[:3], ("corn", "wheat", "rye"))
    for seed in (0, 1):
        for fold in folds(split_of(whole, seed=seed), whole.labels, 4):
            flat = whole.labels.ravel()
            assert set(flat[fold.pool]) == set(flat[fold.train])


def test_a_scene_that_shares_one_class_alone_is_never_held_out() -> None:
    whole = farm(NAMES[:2], NAMES[:2], ("corn", "rye"))
    split = split_of(whole)
    assert split.held_out is not None
    assert split.held_out.in_turn == ("s0", "s1")
    with pytest.raises(UserError, match="two classes or more that stand in another") as refused:
        split_of(whole, test_scene="s2")
    assert refused.value.received == "s2"


def test_what_cannot_be_held_out_is_refused() -> None:
    with pytest.raises(UserError, match="of two or more; received one scene"):
        make_split(fields(), SplitSpec(protocol="scenes"))
    with pytest.raises(UserError, match="names one of the scenes; received 'south'"):
        split_of(farm(NAMES, NAMES), test_scene="south")


def test_between_scenes_is_no_distance_and_no_overlap() -> None:
    whole = farm(NAMES, NAMES, NAMES)
    split = split_of(whole)
    found = Distances.of(split, whole.valid)
    assert (found.test == ELSEWHERE).all()
    assert found.statement == IN_ANOTHER_SCENE
    assert set(found.known.values()) == {None} | {found.known["map_distance_median"]}
    assert overlap(split, 500) == (0.0, 0.0)
    blocks = make_split(whole.labels, SplitSpec(block_size=16, buffer=4), parts=whole.parts)
    assert Distances.of(blocks, whole.valid).map.max() < 60, "every scene trains"


def test_the_canary_knows_two_dates_of_one_ground() -> None:
    one = farm(NAMES, NAMES)
    dates = mosaic([scene_of(one, name) for name in ("june", "july")], "dates")
    split = split_of(dates, block_size=16)
    canary = fit_reference(Coordinate1NNConfig(), training_data(dates, split))
    sealed = seal(dates, split)[1]
    said = canary.probabilities(dates.cube, dates.valid, split.test).argmax(axis=1)
    assert sealed.score("canary", said).oa == 1.0


def scene_of(whole: Scene, name: str) -> Scene:
    """The first scene of a mosaic, under another name."""
    part = whole.parts[0]
    again = scene(name, part.height, part.width, names=NAMES, values=(0, 1, 2, 3))
    again.labels[:] = within(whole.labels, part)
    return again


def test_a_stored_split_knows_its_scenes(tmp_path: Path) -> None:
    split = split_of(farm(NAMES, NAMES, NAMES))
    save_split(split, tmp_path / "split.npz")
    loaded = load_split(tmp_path / "split.npz")
    assert loaded == split
    assert isinstance(loaded.parts[0], Part)
    assert loaded.buffer == GAP

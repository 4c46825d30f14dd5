"""Automatic block and buffer: the widest that the label map bears, the same for every seed, budget and family."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from hsiauto.errors import UserError
from hsiauto.split import SplitSpec, auto, choose, load_split, make_split, save_split
from tests.split.maps import LabelMap, fields, label_maps


def chosen(labels: LabelMap, **spec: Any) -> tuple[int, int]:
    found = choose(labels, SplitSpec(**spec))
    assert found is not None
    return found.chosen.squares


def test_a_scene_of_many_fields_takes_the_widest_and_a_small_one_less() -> None:
    assert chosen(fields(256, 256, side=16)) == (32, 16)
    assert chosen(fields(160, 160, n_classes=16, side=16)) == (32, 12)
    assert chosen(fields(80, 80, n_classes=14, side=10)) == (16, 8)


def test_what_was_given_stands() -> None:
    labels = fields(256, 256, side=16)
    assert choose(labels, SplitSpec(block_size=20, buffer=3)) is None
    assert chosen(labels, block_size=24) == (24, 12)
    assert chosen(labels, buffer=7) == (32, 7)
    found = choose(labels, SplitSpec(buffer=7), every=True)
    assert found is not None
    assert [rung.squares for rung in found.rungs] == [(32, 7), (16, 7)]
    assert found.automatic == ("block_size",)
    assert "block size automatic" in str(found)


def test_the_random_protocol_has_neither() -> None:
    assert choose(fields(), SplitSpec(protocol="random")) is None
    assert make_split(fields(), SplitSpec(protocol="random")).spec.block_size == "auto"


def test_the_first_rung_that_keeps_enough_is_taken() -> None:
    found = choose(fields(160, 160, n_classes=16, side=16), SplitSpec(), every=True)
    assert found is not None
    assert [rung.squares for rung in found.rungs] == list(auto.LADDER)
    assert found.chosen == next(rung for rung in found.rungs if rung.fits)
    assert found.rungs.index(found.chosen) == 1
    assert choose(fields(160, 160, n_classes=16, side=16), SplitSpec()) == replace(found, rungs=found.rungs[:2])
    for rung in found.rungs:
        kept = (
            rung.blocks >= 20
            and rung.scored >= 0.8 * rung.classes
            and rung.validated >= 0.75 * rung.scored
            and rung.labels >= 0.25
            and rung.training >= 0.15
        )
        assert rung.fits == kept


def test_a_map_that_bears_no_rung_takes_the_last_and_says_so() -> None:
    labels = fields(32, 32, side=8)
    found = choose(labels, SplitSpec())
    assert found is not None
    assert found.chosen.squares == (16, 5)
    assert not found.chosen.fits
    assert str(found).startswith("no block size and buffer of the ladder keeps enough of this label map")


def test_a_few_blocks_of_which_every_seed_draws_the_same_are_passed_over() -> None:
    found = choose(fields(96, 96, side=8), SplitSpec())
    assert found is not None
    assert [(rung.blocks, rung.fits) for rung in found.rungs] == [(9, False), (9, False), (36, False), (36, True)]


def test_seed_and_budget_change_nothing() -> None:
    labels = fields(160, 160, side=8)
    one = choose(labels, SplitSpec())
    assert one == choose(labels, SplitSpec(seed=7, train_per_class=5)) == choose(labels, SplitSpec(train_fraction=0.1))
    specs = [make_split(labels, SplitSpec(seed=seed)).spec for seed in range(3)]
    assert len({spec.squares for spec in specs}) == 1


def test_the_split_holds_numbers_and_its_hash_the_buffer(tmp_path: Any) -> None:
    labels = fields(256, 256, side=16)
    split = make_split(labels, SplitSpec())
    assert split.spec.squares == (32, 16)
    save_split(split, tmp_path / "split.npz")
    assert load_split(tmp_path / "split.npz") == split
    assert make_split(labels, SplitSpec(block_size=32, buffer=16)) == split


def test_the_train_map_of_a_fixed_split_decides_by_what_it_can_validate() -> None:
    labels = fields(256, 256, side=16)
    train, test = labels.copy(), labels.copy()
    train[:, 128:] = test[:, :128] = 0
    assert make_split(labels, SplitSpec(protocol="fixed"), train, test).spec.squares == (32, 16)
    train[40:, :] = train[:, 64:] = 0
    assert make_split(labels, SplitSpec(protocol="fixed"), train, test).spec.squares == (16, 5)


@settings(max_examples=25, deadline=None)
@given(labels=label_maps())
def test_any_map_gets_a_rung(labels: LabelMap) -> None:
    found = choose(labels, SplitSpec(), every=True)
    assert found is not None
    for rung in found.rungs:
        assert 0 <= rung.validated <= rung.scored <= np.count_nonzero(np.bincount(labels[labels > 0]))
        assert 0 <= rung.labels <= 1
    with suppress(UserError):
        assert make_split(labels, SplitSpec()).spec.squares == found.chosen.squares


@pytest.mark.parametrize("wrong", [{"block_size": 1}, {"buffer": -1}, {"buffer": "wide"}, {"block_size": 2.5}])
def test_other_words_and_numbers_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        SplitSpec(**wrong)

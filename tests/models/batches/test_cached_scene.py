"""The resident cube: made once per data and preprocessing, never more than two kept."""

import gc
import weakref
from dataclasses import replace

import torch

from hsiauto.families.base import Reduction
from hsiauto.families.cnn1d import Cnn1dConfig
from hsiauto.models.batches.cached_scene import cached_scene
from tests.small_scene import small_data

CPU = torch.device("cpu")


def asking(components: int, whiten: bool, reduction: Reduction = "pca") -> Cnn1dConfig:
    return Cnn1dConfig.model_construct(components=components, whiten=whiten, reduction=reduction)


def test_the_same_preprocessing_of_the_same_data_is_shared() -> None:
    data = small_data()
    first = cached_scene(asking(4, True), data, CPU)
    assert cached_scene(asking(4, True), data, CPU) is first
    assert cached_scene(asking(0, True), data, CPU) is cached_scene(
        asking(0, False), data, CPU
    )  # whitening cannot act without components
    assert cached_scene(asking(4, False), data, CPU) is not first
    assert cached_scene(asking(4, True, "mnf"), data, CPU) is not first


def test_other_data_is_never_mistaken() -> None:
    data = small_data()
    fewer = replace(data, train_pixels=data.train_pixels[:20], train_labels=data.train_labels[:20])
    assert not torch.equal(
        cached_scene(asking(4, True), data, CPU).cube, cached_scene(asking(4, True), fewer, CPU).cube
    )


def test_at_most_two_stay_in_memory() -> None:
    data = small_data()
    made = [weakref.ref(cached_scene(asking(n, True), data, CPU)) for n in range(1, 6)]
    gc.collect()
    assert sum(ref() is not None for ref in made) == 2

"""Order, samples and band dropout."""

import pytest
import torch

from hsiauto.models.batches.labelled import batch_sizes, drop_bands, every_class_first


@pytest.mark.parametrize(("n", "size"), [(1, 64), (64, 64), (65, 64), (66, 64), (130, 64), (5, 1), (3, 2), (7, 4096)])
def test_no_batch_of_one_unless_it_must_be(n: int, size: int) -> None:
    sizes = batch_sizes(n, size)
    assert sum(sizes) == n
    assert all(1 < s <= size + 1 for s in sizes) or n == 1 or size == 1


def test_a_sample_has_every_class_before_a_second_of_any() -> None:
    labels = torch.tensor([0] * 500 + [1] * 3 + [2] * 1)
    chosen = every_class_first(labels, 5, torch.Generator().manual_seed(0))
    assert sorted(labels[chosen].tolist()) == [0, 0, 1, 1, 2]
    assert len(every_class_first(labels, 504, torch.Generator())) == 504


def test_bands_drop_whole_per_sample_and_keep_their_value_otherwise() -> None:
    x = torch.ones(400, 10, 3, 3)
    dropped = drop_bands(x, 0.3, torch.Generator().manual_seed(0))
    assert (dropped.flatten(2).amax(2) == dropped.flatten(2).amin(2)).all()
    assert dropped.unique().tolist() == [0.0, 1.0]
    assert abs(float(dropped.mean()) - 0.7) < 0.03
    assert drop_bands(x, 0.0, torch.Generator()) is x

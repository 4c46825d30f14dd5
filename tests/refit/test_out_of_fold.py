from pathlib import Path

import numpy as np
import pytest

from hsiauto.refit import out_of_fold

PIXELS = np.array([3, 4, 9])
P_NK = np.random.default_rng(0).dirichlet([1, 1], size=3).astype(np.float16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "out-of-fold" / "validation-1" / "svm-0001.npz"
    out_of_fold.save(path, PIXELS, P_NK)
    return path


def test_what_was_kept_comes_back_to_the_last_bit(path: Path) -> None:
    found = out_of_fold.load(path, PIXELS, 2)
    assert found is not None
    assert found.tobytes() == P_NK.tobytes()


def test_what_is_of_something_else_is_as_good_as_none(path: Path) -> None:
    assert out_of_fold.load(path.with_name("svm-0002.npz"), PIXELS, 2) is None
    assert out_of_fold.load(path, PIXELS + 1, 2) is None
    assert out_of_fold.load(path, PIXELS, 3) is None


@pytest.mark.parametrize("of_probabilities", [np.full((3, 2), np.nan, np.float16), P_NK.astype(np.float32)])
def test_foreign_numbers_are_as_good_as_none(path: Path, of_probabilities: np.ndarray) -> None:
    np.savez(path, pixels=PIXELS, probabilities=of_probabilities)
    assert out_of_fold.load(path, PIXELS, 2) is None


def test_a_damaged_file_is_as_good_as_none(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])
    assert out_of_fold.load(path, PIXELS, 2) is None

"""`hsiauto split`: what a reader learns of a split before a search."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.cli.conftest import Run
from tests.split.maps import fields, groups_of


def row_of(out: str, first: str) -> list[str]:
    return next(line.split() for line in out.splitlines() if line.split()[: len(first.split())] == first.split())


def test_it_shows_choices_classes_folds_and_distances_and_draws_them(run: Run) -> None:
    code, out, error = run("split", "demo", "--out", "split.png")
    assert code == 0, error
    assert "demo: 96 x 96 pixels" in out
    assert row_of(out, "32 16")[-3:] == ["keeps", "too", "little"]
    assert row_of(out, "16 8")[-1] == "chosen"
    assert row_of(out, "16 5"), "what lies below the choice is shown too"
    total = [int(n) for n in row_of(out, "all")[1:]]
    assert total[0] == 1834
    assert total[1] >= sum(total[2:6]) > 0, "four folds share the pool"
    assert "test pixels lie 9 to" in out
    assert "(least, median, most)" in out
    with Image.open("split.png") as picture:
        assert picture.width > 800


def test_a_split_that_cannot_be_drawn_is_refused_below_what_each_choice_would_keep(run: Run, tmp_path: Path) -> None:
    labels = fields(24, 24)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "cube.npy", np.random.default_rng(0).normal(size=(24, 24, 4)).astype(np.float32))
    code, out, error = run("split", "cube.npy", "--labels", "labels.npy")
    assert code == 2
    assert "something to validate" in error
    assert row_of(out, "16 5")[-4:] == ["chosen;", "keeps", "too", "little"]


def test_given_numbers_stand_beside_what_others_would_keep(run: Run) -> None:
    code, out, _ = run("split", "--block-size", "16", "--buffer", "5", "--split-seed", "3", "--further-folds", "1")
    assert code == 0
    assert row_of(out, "16 5")[-1] == "given"
    assert "chosen" not in out
    assert "fold 2" in out
    assert "fold 3" not in out


def test_random_pixels_have_no_blocks(run: Run) -> None:
    code, out, _ = run("split", "--protocol", "random")
    assert code == 0
    assert "block size" not in out
    assert "test pixels lie 1 to" in out


def test_groups_are_counted_too_and_their_buffer_is_chosen(run: Run, tmp_path: Path) -> None:
    labels = fields(80, 80, side=8)
    np.save(tmp_path / "groups.npy", groups_of(labels))
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "cube.npy", np.random.default_rng(0).normal(size=(80, 80, 4)).astype(np.float32))
    given = ("split", "cube.npy", "--labels", "labels.npy", "--groups", "groups.npy")
    code, out, error = run(*given, "--out", "split.png")
    assert code == 0, error
    assert row_of(out, "buffer")[:3] == ["buffer", "groups", "classes"]
    assert row_of(out, "5 81")[-1] == "chosen"
    pixels, groups = out.split("groups of class")
    assert row_of(pixels, "class 1")[2] == "1400"
    assert row_of(groups, "class 1")[2] == "20"
    code, out, error = run(*given, "--buffer", "3")
    assert code == 0, error
    assert row_of(out, "16 81")[-1] != "chosen"
    assert "test pixels lie 4 to" in out

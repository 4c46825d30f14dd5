"""Runs of one split side by side; runs of different ones, refused."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsiauto import leaderboard as boards
from hsiauto.errors import UserError
from hsiauto.refit import reevaluate, refit
from hsiauto.runs import folder as folders
from hsiauto.runs.compare import _holm, compare
from hsiauto.search.journal import Journal
from hsiauto.split import SplitSpec, save_split
from tests.cli.conftest import run  # noqa: F401 - a fixture
from tests.refit.fabricated import CONFIG, SVM, Pool, propose, scene, work

BLOCKS = SplitSpec(protocol="blocks", block_size=2, buffer=0)


def searched(folder: Path, errors: int, split: SplitSpec = BLOCKS) -> Path:
    """A run whose winner errs on the first `errors` test pixels."""
    folder.mkdir()
    made = work(folder, Pool(scene(), errors=lambda config: errors), split=split)
    propose(made.journal, "t1", SVM, 0.90, parameters=None)
    reevaluate(made, folder)
    with Journal(folder / folders.REFITS) as refits:
        refit(made, refits, folder)
        context = boards.Context(folder.name, "fabricated", made.run_config, made.split)
        boards.write(boards.rows(made.journal.events, refits.events, context), folder / folders.LEADERBOARD)
    made.journal.close()
    save_split(made.split, folder / folders.SPLIT)
    return folder


def test_the_winners_of_one_split_pixel_by_pixel_block_by_block_and_over_seeds(tmp_path: Path) -> None:
    worse, better = searched(tmp_path / "worse", 9), searched(tmp_path / "better", 2)
    found = compare([worse, better])
    assert [one.run for one in found.contenders] == ["better", "worse"], "best first"
    (pair,), n = found.pairs, found.test_pixels
    assert (pair.mcnemar.first_only, pair.mcnemar.second_only) == (0, 7)
    assert pair.mcnemar.p == pytest.approx(2 / 2**7)
    assert pair.over_seeds is not None
    assert (pair.over_seeds.n, pair.over_seeds.mean) == (CONFIG.winner_seeds, pytest.approx(-7 / n))
    assert pair.by_block.mean == pytest.approx(-7 / n)
    assert pair.by_block.n == n / 4, "blocks of 2 x 2"
    assert pair.adjusted_p == pair.by_block.p
    assert pair.by_block.p > pair.mcnemar.p, "pixels of one block are alike"
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["pairs"][0]["mcnemar"] == {"first_only": 0, "second_only": 7, "p": pair.mcnemar.p}
    assert plain["contenders"][0]["test_oa"] == pytest.approx(1 - 2 / n)


def test_the_command_says_it_in_words(run: Any, tmp_path: Path) -> None:  # noqa: F811
    worse, better = searched(tmp_path / "worse", 9), searched(tmp_path / "better", 2)
    code, out, _ = run("compare", str(worse), str(better))
    assert code == 0
    assert "worse - better: " in out
    assert "0 against 7 pixels that one alone has right, p = 0.016" in out
    code, out, _ = run("compare", str(worse), str(better), "--json")
    assert (code, json.loads(out)["pairs"][0]["first"]) == (0, "worse")


def test_equal_winners_differ_by_nothing(tmp_path: Path) -> None:
    found = compare([searched(tmp_path / "one", 3), searched(tmp_path / "other", 3)])
    assert found.pairs[0].mcnemar.p == 1
    assert math.isnan(found.pairs[0].by_block.p)
    assert found.pairs[0].verdict == "within chance"
    assert found.to_dict()["pairs"][0]["by_block"]["p"] is None


def test_what_cannot_be_compared_is_refused_with_the_reason(tmp_path: Path) -> None:
    one = searched(tmp_path / "one", 3)
    other = searched(tmp_path / "other", 3, BLOCKS.model_copy(update={"seed": 1}))
    with pytest.raises(UserError, match=r"same training and test pixels.*seed 0.*seed 1"):
        compare([one, other])
    with pytest.raises(UserError, match="two runs, each named once"):
        compare([one, one])
    with pytest.raises(UserError, match="two runs"):
        compare([one])
    for name in (folders.REFITS, folders.LEADERBOARD, folders.SPLIT):
        (other / name).write_bytes(b"")
        with pytest.raises(UserError):
            compare([one, other])


def test_holm_multiplies_the_smallest_p_by_the_number_of_tests() -> None:
    assert _holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert _holm([0.5, 0.9]) == [1.0, 1.0]
    np.testing.assert_allclose(_holm([math.nan, 0.02]), [math.nan, 0.04])

"""What a search tries early, beside the presets."""

from pathlib import Path

import numpy as np

from hsiauto.runs.run import _from_earlier
from hsiauto.split import SplitSpec
from tests.runs.test_prepare import prepared


def test_a_search_of_the_unified_space_has_the_portfolio_and_one_of_another_space_has_not(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(1, 5), 16 * 16).reshape(32, 32).astype(np.int16)
    gathered = _from_earlier(prepared(tmp_path, labels, SplitSpec(protocol="random")))
    assert gathered is not None
    assert {(one.config.family, one.origin) for one in gathered[0]} == {("svm", "portfolio")}
    assert gathered[1] == []
    assert _from_earlier(prepared(tmp_path, labels, SplitSpec(protocol="random"), space="tiny")) is None

"""--transductive reaches the study of each command that trains, and is refused where it cannot act."""

from typing import Any

import pytest

from hsiauto.errors import UserError


def test_search_and_train_pass_it_on(study: Any) -> None:
    assert not study(command="search").transductive
    assert study("--transductive", command="search").transductive
    for family in ("mambahsi", "cssmamba"):
        assert not study(family=family).transductive
        assert study("--transductive", family=family).transductive


@pytest.mark.parametrize("family", ["svm", "cnn2d", "spectral_memory"])
def test_a_family_that_reads_no_tile_refuses_it(study: Any, family: str) -> None:
    with pytest.raises(UserError, match=r"--transductive belongs to tile families.*mambahsi"):
        study("--transductive", family=family)

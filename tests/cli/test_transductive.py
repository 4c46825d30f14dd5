"""--transductive reaches the study of each command that trains, and is refused where it cannot act."""

from typing import Any

import pytest

from hsiauto.errors import UserError


def test_search_and_train_pass_it_on(run_config: Any) -> None:
    assert not run_config(command="search").transductive
    assert run_config("--transductive", command="search").transductive
    for family in ("mambahsi", "cssmamba"):
        assert not run_config(family=family).transductive
        assert run_config("--transductive", family=family).transductive


@pytest.mark.parametrize("family", ["svm", "cnn2d", "spectral_memory"])
def test_a_family_that_reads_no_tile_refuses_it(run_config: Any, family: str) -> None:
    with pytest.raises(UserError, match=r"--transductive belongs to tile families.*mambahsi"):
        run_config("--transductive", family=family)

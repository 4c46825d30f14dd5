"""--unlabelled reaches the run of each command that trains."""

from typing import Any


def test_search_and_train_pass_it_on(run_config: Any) -> None:
    for command, family in (("search", ""), ("train", "svm"), ("train", "mambahsi")):
        assert run_config(command=command, family=family).unlabelled == "scene"
        assert run_config("--unlabelled", "none", command=command, family=family).unlabelled == "none"

"""What commands take where an option was left out."""

import re
from pathlib import Path

from hsiauto.cli import defaults


def test_epochs_are_what_was_asked_else_fewer_on_the_demo() -> None:
    assert defaults.max_epochs(7, "demo") == 7
    assert defaults.max_epochs(None, "demo") < defaults.max_epochs(None, "salinas")
    in_words = [int(number) for number in re.findall(r"\d+", defaults.EPOCHS_IN_WORDS)]
    assert in_words == [defaults.max_epochs(None, "salinas"), defaults.max_epochs(None, "demo")]


def test_a_run_folder_is_named_after_the_dataset() -> None:
    assert defaults.run_folder(Path("mine"), "salinas") == Path("mine")
    for dataset in ("salinas", "/data/salinas.mat", "simulated:/data/salinas.mat"):
        folder = defaults.run_folder(None, dataset, "svm-")
        assert folder.parent == Path("runs")
        assert re.fullmatch(r"svm-salinas-\d{8}-\d{6}", folder.name)

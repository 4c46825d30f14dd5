"""What commands take where an option was left out."""

import re

from hsiauto.cli import defaults


def test_epochs_are_what_was_asked_else_fewer_on_the_demo() -> None:
    assert defaults.max_epochs(7, "demo") == 7
    assert defaults.max_epochs(None, "demo") < defaults.max_epochs(None, "salinas")
    in_words = [int(number) for number in re.findall(r"\d+", defaults.EPOCHS_IN_WORDS)]
    assert in_words == [defaults.max_epochs(None, "salinas"), defaults.max_epochs(None, "demo")]

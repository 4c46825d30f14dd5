"""Classes of several scenes: joined by name, numbered as the label maps do if these agree."""

import pytest

from hsiauto.errors import UserError
from hsiauto.scene.common_classes import common_classes
from tests.scene.several_scenes import scene


def test_classes_keep_the_values_on_which_the_maps_agree() -> None:
    found = common_classes(
        [scene("a", names=("wheat", "oats"), values=(2, 7)), scene("b"), scene("c", names=("oats",), values=(7,))]
    )
    assert (found.names, found.values) == (("corn", "wheat", "oats"), (1, 2, 7))
    assert [numbers.tolist() for numbers in found.numbers] == [[0, 2, 3], [0, 1, 2], [0, 3]]
    assert found.notes == ("classes that stand in one scene alone: corn (b)",)


def test_classes_with_other_values_elsewhere_are_numbered_anew() -> None:
    found = common_classes([scene("a", values=(4, 5)), scene("b", names=("wheat", "corn"), values=(4, 5))])
    assert (found.names, found.values) == (("corn", "wheat"), (1, 2))
    assert found.numbers[1].tolist() == [0, 2, 1]
    assert "from 1 to 2, by name" in found.notes[0]


def test_classes_that_do_not_meet_are_refused() -> None:
    with pytest.raises(UserError, match="two classes or more") as refused:
        common_classes([scene("a"), scene("b", names=("wheat", "oats"))])
    assert refused.value.received == "a: corn, wheat; b: wheat, oats"

"""What pydantic finds wrong becomes one line: field, rule, value received, remedy."""

import pickle
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from hsiauto.errors import UserError, did_you_mean, refusal, shown


class Box(BaseModel):
    """A box with rules."""

    width: int = Field(1, ge=1)
    sides: dict[str, int] = {}

    @model_validator(mode="after")
    def _not_two(self) -> "Box":
        if self.width == 2:
            raise ValueError("width 2 does not stand")
        if self.width == 3:
            raise UserError("three is too many", 3, "Take four.")
        return self


def refused(**fields: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Box(**fields)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": 0}, "box.width: Input should be greater than or equal to 1; received 0. See it."),
        ({"sides": {"a": "x"}}, "box.sides.a: Input should be a valid integer, "),
        ({"width": 2}, "box: width 2 does not stand. See it."),
        ({"width": 3}, "box: three is too many; received 3. Take four."),
    ],
)
def test_the_first_rule_is_told(fields: dict[str, Any], words: str) -> None:
    assert str(refusal(refused(**fields), "box.", "See it.")).startswith(words)


def test_a_field_may_have_another_name_and_long_values_are_cut() -> None:
    error = refusal(refused(width="9" * 5000), names={"width": "size"})
    assert str(error).startswith("`size`: ")
    assert len(str(error)) < 400
    assert len(shown("x" * 5000)) < 100


def test_the_nearest_name_or_the_other_remedy() -> None:
    assert did_you_mean("buget", ["seed", "budget"]) == "Did you mean budget?"
    assert did_you_mean("zzz", ["seed"], "See --help.") == "See --help."


def test_an_error_comes_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(UserError("rule", "value", "remedy")))
    assert str(error) == "rule; received value. remedy"


@pytest.mark.parametrize("place", ["rule", "received", "remedy"])
def test_nothing_that_is_quoted_floods_the_console(place: str) -> None:
    parts: dict[str, Any] = {"rule": "a rule", "received": 1, "remedy": "Do it."}
    for long in ("x" * 10**6, " " * 10**6, "x\n" * 10**6, ["x" * 10**5] * 10):
        error = UserError(**{**parts, place: long if place == "received" else str(long)})
        assert len(str(error)) < 2500
        assert len(str(error).splitlines()) == 1


def test_a_message_of_several_lines_becomes_one() -> None:
    error = UserError("a rule", "no field\n  in 1.2\r\n\n\tof it\u2028", "Do\nit.")
    assert str(error) == "a rule; received no field in 1.2 of it. Do it."


def test_a_number_of_more_digits_than_python_prints() -> None:
    assert str(UserError("a rule", 16**5000)) == "a rule; received a number of too many digits"
    assert shown([16**5000]) == "a number of too many digits"


def test_no_nearest_name_is_looked_for_to_a_text() -> None:
    assert did_you_mean("budget " * 10**5, ["budget"] * 100, "no") == "no"  # took minutes

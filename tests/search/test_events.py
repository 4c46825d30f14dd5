"""Every event goes into a line of strict JSON and comes back as it was."""

import builtins
import json
import math
import subprocess
import sys
import types
import typing
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hsiauto.search.events import Event, Opened, from_line, to_line
from hsiauto.search.events.line import Accuracy, Amount, Count, Number, Ordinal, Share, Time, TrialId
from hsiauto.search.events.refits import ByDistance, Confused
from hsiauto.search.events.right import Right
from tests import told

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_config = st.dictionaries(st.text(), _json, max_size=3)
_DRAWN: dict[Any, st.SearchStrategy[Any]] = {
    Any: _json,
    Accuracy: st.sampled_from((math.nan, math.inf, -math.inf)) | st.floats(-1, 1),
    Share: st.floats(0, 1),
    Amount: st.sampled_from((math.nan, math.inf)) | st.floats(0),
    Count: st.integers(0, 2**63 - 1),
    Ordinal: st.integers(1, 2**63 - 1),
    Number: st.floats(),
    Time: st.just("") | st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    TrialId: st.from_regex("[A-Za-z0-9_-]{1,64}", fullmatch=True),
    ByDistance: st.just(()),  # bins agree with the scores beside them: tests/search/test_hostile_journal.py has some
    Confused: st.none(),  # likewise
    Right: st.none(),  # likewise
    dict[str, Any]: _config,
}


def _drawn(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field."""
    if hint in _DRAWN:
        return _DRAWN[hint]
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        hints = get_type_hints(hint, include_extras=True)
        return st.builds(hint, **{name: _drawn(hints[name]) for name in hint.model_fields})
    inner = [_drawn(one) for one in get_args(hint) if one is not Ellipsis] if get_origin(hint) is not Literal else []
    match get_origin(hint):
        case types.UnionType | typing.Union:
            return st.one_of(*inner)
        case builtins.tuple:
            return st.lists(inner[0], max_size=5).map(tuple)
        case builtins.dict:
            return st.dictionaries(*inner, max_size=3)
    return st.from_type(hint)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.filterwarnings("ignore:Ignoring unsupported Strict")
@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@settings(deadline=None)
@given(data=st.data())
def test_every_event_round_trips(kind: Any, data: st.DataObject) -> None:
    hints = get_type_hints(kind, include_extras=True)
    fields = {name: data.draw(_drawn(hints[name])) for name in kind.model_fields}
    if kind is Opened:
        fields["config"]["scene"] = {}
    line = to_line(kind(**fields))
    json.loads(line, parse_constant=_refuse)
    assert b"\n" not in line
    again = from_line(line)
    assert type(again) is kind
    assert repr(again) == repr(kind(**fields)), "NaN too, which equals nothing"


def test_a_field_that_is_none_stands_in_no_line_and_a_config_keeps_its_nones() -> None:
    line = json.loads(to_line(told.proposed(config={"x": None}, macs=None)))
    assert "macs" not in line
    assert line["config"] == {"x": None}


def test_the_schema_is_read_without_torch() -> None:
    said = "import hsiauto.leaderboard, hsiauto.search.journal, hsiauto.search.trials, sys; "
    said += "assert not {'torch', 'ray', 'sklearn', 'matplotlib', 'optuna'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", said], check=True)

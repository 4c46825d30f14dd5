"""Every event goes into a line of strict JSON and comes back as it was."""

import json
import subprocess
import sys
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsiauto.search.events import Event, FoundConfig, from_line, to_line
from tests import told

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_config = st.dictionaries(st.text(), _json, max_size=3)
_UNTYPED: dict[Any, st.SearchStrategy[Any]] = {
    dict[str, Any]: _config,
    dict[str, Any] | None: st.none() | _config,
    dict[str, dict[str, Any]]: st.dictionaries(st.text(), _config, max_size=2),
    tuple[FoundConfig, ...]: st.lists(st.builds(FoundConfig, config=_config)).map(tuple),
}


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.filterwarnings("ignore:Ignoring unsupported Strict")
@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@settings(deadline=None)
@given(data=st.data())
def test_every_event_round_trips(kind: Any, data: st.DataObject) -> None:
    fields = {
        name: data.draw(_UNTYPED.get(field.annotation, st.from_type(field.annotation)))
        for name, field in kind.model_fields.items()
    }
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

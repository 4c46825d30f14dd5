"""Settings of a study as its tables, figures and messages spell them: as YAML does, `cbam=true, depth=2`."""

from collections.abc import Mapping
from typing import Any


def setting(values: Mapping[str, Any]) -> str:
    """{axis: value} in one line; empty for none."""
    return ", ".join(f"{axis}={spelt(value)}" for axis, value in values.items())


def spelt(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)

"""What all events of a journal share."""

import math
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

SCHEMA_VERSION: Final = 1
"""Version of the journal; raised when an event or a field changes its meaning or goes."""


def _number(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and value not in ("NaN", "Infinity", "-Infinity")):
        raise ValueError("a number is expected")
    return value


Number = Annotated[float, Field(strict=False), BeforeValidator(_number)]
"""A float that may be NaN or infinite: JSON has it as the string "NaN", "Infinity" or "-Infinity"."""


def _fraction(value: float) -> float:
    if math.isfinite(value) and abs(value) > 1:
        raise ValueError("an accuracy is at most 1")
    return value


def _amount(value: float) -> float:
    if value < 0:
        raise ValueError("less than nothing")
    return value


def _time(text: str) -> str:
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time has a zone")
    return text


Accuracy = Annotated[Number, AfterValidator(_fraction)]
"""A fraction, or kappa, from -1 to 1; a `Number` that may be NaN or infinite."""
Amount = Annotated[Number, AfterValidator(_amount)]
"""A `Number` that is not negative."""
Share = Annotated[Accuracy, AfterValidator(_amount)]
"""An `Accuracy` that is not negative."""
Count = Annotated[int, Field(ge=0, lt=2**63)]
"""An integer that a table can hold."""
Ordinal = Annotated[int, Field(ge=1, lt=2**63)]
"""A count from 1."""
TrialId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Names a folder too."""
Time = Annotated[str, AfterValidator(_time)]
"""ISO 8601; empty: not known."""


def now() -> str:
    """The present time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Line(BaseModel):
    """One event: one line of JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings")

    event: str
    at: Time = Field(default_factory=now)
    """When it happened, ISO 8601, UTC."""

"""What all events of a journal share."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 1
"""Version of the journal; raised when an event or a field changes its meaning or goes."""

Number = Annotated[float, Field(strict=False)]
"""A float that may be NaN or infinite: JSON has it as the string "NaN", "Infinity" or "-Infinity"."""


def now() -> str:
    """The present time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Line(BaseModel):
    """One event: one line of JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings")

    event: str
    at: str = Field(default_factory=now)
    """When it happened, ISO 8601, UTC."""

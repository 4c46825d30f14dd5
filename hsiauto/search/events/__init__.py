"""The events of a journal, a pydantic model each: the schema of journal.jsonl and refits.jsonl.

Floats that are not finite are written as the strings "NaN", "Infinity" and "-Infinity", so that the JSON is strict and
every event round trips. Fields that are None are left out of a line.
"""

from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter

from hsiauto.files import check_json
from hsiauto.search.events.line import SCHEMA_VERSION, Line, now
from hsiauto.search.events.refits import Cycle, JobState, Mapped, Model, Placed, Ranked, Reevaluated, Refit
from hsiauto.search.events.run import Opened, Resumed, Warned
from hsiauto.search.events.trials import (
    Decision,
    Ended,
    EndState,
    FoundConfig,
    Origin,
    Proposed,
    Reported,
    Started,
    WarmStart,
)

__all__ = [
    "SCHEMA_VERSION",
    "Cycle",
    "Decision",
    "EndState",
    "Ended",
    "Event",
    "FoundConfig",
    "JobState",
    "Mapped",
    "Model",
    "Opened",
    "Origin",
    "Placed",
    "Proposed",
    "Ranked",
    "Reevaluated",
    "Refit",
    "Reported",
    "Resumed",
    "Started",
    "WarmStart",
    "Warned",
    "from_line",
    "now",
    "of",
    "to_line",
]

Event = (
    Opened
    | Resumed
    | Warned
    | WarmStart
    | Proposed
    | Started
    | Reported
    | Ended
    | Reevaluated
    | Ranked
    | Cycle
    | Refit
    | Model
    | Mapped
)

Kind = TypeVar("Kind", bound=Line)

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def to_line(event: Event) -> bytes:
    """One line of strict JSON, without its end."""
    return event.model_dump_json(exclude_none=True).encode()


def from_line(line: bytes) -> Event:
    """The event of a line. Raises ValueError, which pydantic's ValidationError is too."""
    event = _EVENT.validate_json(check_json(line, "an event"))
    if "at" not in event.model_fields_set:
        raise ValueError("at: Field required")
    return event


def of(kind: type[Kind], events: Iterable[Line]) -> list[Kind]:
    """The events of one kind, in their order."""
    return [event for event in events if isinstance(event, kind)]

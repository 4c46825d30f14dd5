"""What a run tells of itself and no journal keeps: `on_event` gets it beside the journal's events, told by `event`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hsiauto.config import RunConfig
from hsiauto.search.events import Event


@dataclass(frozen=True)
class Downloading:
    """A file of the scene arrives."""

    event: ClassVar = "downloading"
    file: str
    done: int
    total: int | None
    """Bytes; None if the server does not say."""


@dataclass(frozen=True)
class RunOpened:
    """The run folder is open, and training begins."""

    event: ClassVar = "run opened"
    run_config: RunConfig
    searches: bool
    """Whether trials are run; otherwise refits alone."""
    end: float | None
    """When the time limit ends, as a `time.monotonic()` value; None without one."""
    past: tuple[Event, ...] = ()
    """The journal of a search that goes on."""
    told: tuple[str, ...] = ()
    """What a reader must know of scene and split before the first training ends."""


@dataclass(frozen=True)
class Forecast:
    """Where a study stands."""

    event: ClassVar = "forecast"
    done: int
    of: int
    """Trainings, those of earlier calls included."""
    seconds_left: float | None
    """Predicted; None before a training has completed."""


@dataclass(frozen=True)
class Classifying:
    """A scene is being classified: rows done of all."""

    event: ClassVar = "classifying"
    done: int
    total: int


Transient = Downloading | RunOpened | Forecast | Classifying
OnEvent = Callable[[Event | Transient], None]

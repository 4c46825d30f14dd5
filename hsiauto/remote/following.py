"""A run of a service, followed: the events of its journal as they come, through every break of the connection."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.files import check_json
from hsiauto.remote.connection import Unreachable
from hsiauto.remote.events import Message, messages
from hsiauto.remote.service import Service
from hsiauto.search.events import Event, Opened, from_line, now
from hsiauto.search.events.transient import OnEvent, RunOpened, Transient

_FIRST_WAIT_S, _LONGEST_WAIT_S, _PATIENCE_S = 1.0, 30.0, 900.0
"""Between two tries, doubled each time; and until nobody is expected to answer any more."""


def follow(service: Service, run_id: str, on_event: OnEvent, on_break: Callable[[str], None]) -> dict[str, Any]:
    """The run after its end. on_event: told as by a run of this machine; on_break: told why the connection broke.

    Whatever breaks is taken up after the last event that came. Raises Unreachable if nobody answers for a quarter of an
    hour, and UserError for a journal of another version.
    """
    reader = _Reader(on_event)
    waited, wait, told = 0.0, _FIRST_WAIT_S, (-1, 0)
    while True:
        try:
            with service.lines(f"runs/{run_id}/events", "-".join(map(str, reader.last))) as lines:
                waited, wait = 0.0, _FIRST_WAIT_S  # somebody answers
                for message in messages(lines):
                    if (ended := reader.take(message)) is not None:
                        return ended
            why = Unreachable("a run is followed to its end", f"the stream of {service.address} ended before", "")
        except Unreachable as error:
            why = error
        if waited >= _PATIENCE_S:
            raise why
        if reader.last != told:  # once for each time that nothing comes
            told = reader.last
            on_break(str(why))
        sleep(wait)
        waited, wait = waited + wait, min(2 * wait, _LONGEST_WAIT_S)


class _Reader:
    """What has come of a run."""

    def __init__(self, on_event: OnEvent) -> None:
        self.last = (0, 0)
        """Lines that came of the journal, and of the refits."""
        self._on_event = on_event

    def take(self, message: Message) -> dict[str, Any] | None:
        """Tell an event; the run, if this is its end."""
        try:
            if message.event == "state":
                return dict(json.loads(check_json(message.data, "a run")))
            if message.event not in ("journal", "refits") or (place := _place(message.id)) <= self.last:
                return None
            event = from_line(message.data)
            told: list[Event | Transient] = [_opening(event), event] if isinstance(event, Opened) else [event]
        except (ValueError, TypeError) as error:
            rule = "client and service are the same hsiauto: events of a run are those that this one knows"
            raise UserError(rule, str(error), "Install the version of the service.") from error
        for one in told:
            self._on_event(one)
        self.last = place
        return None


def _place(text: str) -> tuple[int, int]:
    """The lines that the id of an event counts."""
    journal, refits = text.split("-")
    return int(journal), int(refits)


def _opening(event: Opened) -> RunOpened:
    """What a run of this machine tells when it begins, as far as a journal has it."""
    run_config = RunConfig(**event.config)
    end = None
    if run_config.time_limit_s is not None:
        over = datetime.fromisoformat(event.at) + timedelta(seconds=run_config.time_limit_s)
        end = monotonic() + (over - datetime.fromisoformat(now())).total_seconds()
    told = f"{event.scene}: {event.n_classes} classes; split {event.split_hash}"
    return RunOpened(run_config, True, end, told=(told, *(f"note: {note}" for note in event.notes)))

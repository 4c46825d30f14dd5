"""A run that is followed tells what a run of this machine tells, each event once, whatever breaks."""

import json
from typing import Any

import pytest

from hsiauto.errors import UserError
from hsiauto.remote import Service, Unreachable, following
from hsiauto.remote import follow as follow_run
from hsiauto.remote.events import Message, messages
from hsiauto.search.events import Event, to_line
from hsiauto.search.events.transient import RunOpened, Transient
from tests import told
from tests.remote.fake import RUN, FakeService, Told, refused, stream
from tests.search import fakes

JOURNAL: list[Event] = [
    told.opened(config=fakes.run_config(budget=7, time_limit_s=3600).model_dump(mode="json"), notes=("a note",)),
    told.proposed(),
    told.started(),
    told.reported(),
    told.ended(),
]
END = ("state", "", json.dumps({"id": RUN, "state": "succeeded"}).encode())


def lines(first: int, last: int) -> list[tuple[str, str, bytes]]:
    return [("journal", f"{n}-0", to_line(JOURNAL[n - 1])) for n in range(first, last + 1)]


class Watcher:
    """Hears a run, and how long is waited after a break."""

    def __init__(self) -> None:
        self.heard: list[Event | Transient] = []
        self.breaks: list[str] = []
        self.waits: list[float] = []

    def follow(self, service: Service) -> dict[str, Any]:
        return follow_run(service, RUN, self.heard.append, self.breaks.append)


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    watcher = Watcher()
    monkeypatch.setattr(following, "sleep", watcher.waits.append)
    return watcher


def test_the_journal_comes_as_events_and_the_end_as_the_run(
    service: Service, fake: FakeService, watcher: Watcher
) -> None:
    fake.on("GET", f"runs/{RUN}/events", stream(*lines(1, 5), END))
    assert watcher.follow(service)["state"] == "succeeded"
    opening, *events = watcher.heard
    assert events == JOURNAL
    assert isinstance(opening, RunOpened)
    assert (opening.run_config.budget, opening.searches) == (7, True)
    assert opening.told == ("demo: 3 classes; split s", "note: a note")
    assert opening.end is not None
    assert 0 < opening.end - following.monotonic() <= 3600
    assert watcher.waits == watcher.breaks == []


def test_after_a_break_it_goes_on_with_the_event_that_is_next(
    service: Service, fake: FakeService, watcher: Watcher
) -> None:
    cut = stream(*lines(3, 4))
    broken = Told(cut.content[:-9], promised=10_000)  # in the middle of the fourth event
    again = stream(*lines(3, 5), END)  # a line that came before comes once more
    fake.on("GET", f"runs/{RUN}/events", stream(*lines(1, 2)), broken, Told(b"", 503, 0), again)
    watcher.follow(service)
    assert watcher.heard[1:] == JOURNAL
    after = [asked.headers.get("last-event-id") for asked in fake.of("GET", f"runs/{RUN}/events")]
    assert after == ["0-0", "2-0", "3-0", "3-0"]
    assert watcher.waits == [1, 1, 2]
    assert len(watcher.breaks) == 2


def test_refits_are_heard_too_and_each_once(service: Service, fake: FakeService, watcher: Watcher) -> None:
    refits: list[Event] = [told.refit("a"), told.refit("b")]
    last = [("refits", f"5-{n}", to_line(event)) for n, event in enumerate(refits, start=1)]
    fake.on("GET", f"runs/{RUN}/events", stream(*lines(1, 5), last[0]), stream(*last, END))
    watcher.follow(service)
    assert watcher.heard[1:] == [*JOURNAL, *refits]
    assert [asked.headers["last-event-id"] for asked in fake.of("GET", f"runs/{RUN}/events")] == ["0-0", "5-1"]


def test_if_nobody_answers_any_more_it_ends(service: Service, fake: FakeService, watcher: Watcher) -> None:
    fake.on("GET", f"runs/{RUN}/events", Told(b"", 502, 0))
    with pytest.raises(Unreachable, match="502"):
        watcher.follow(service)
    assert 900 <= sum(watcher.waits) < 931
    assert watcher.waits[:6] == [1, 2, 4, 8, 16, 30]


def test_a_proxy_that_cuts_quiet_streams_is_borne(service: Service, fake: FakeService, watcher: Watcher) -> None:
    quiet = [Told(b": heartbeat\n\n")] * 50
    fake.on("GET", f"runs/{RUN}/events", *quiet, stream(*lines(1, 5), END))
    assert watcher.follow(service)["state"] == "succeeded"
    assert watcher.waits == [1] * 50
    assert len(watcher.breaks) == 1


def test_a_run_that_is_not_there_is_not_waited_for(service: Service, fake: FakeService, watcher: Watcher) -> None:
    fake.on("GET", f"runs/{RUN}/events", refused(404, "there must be such a run", RUN))
    with pytest.raises(UserError, match="such a run"):
        watcher.follow(service)
    assert watcher.waits == []


@pytest.mark.parametrize(
    "message",
    [
        ("journal", "1-0", b'{"event":"of another version"}'),
        ("journal", "1-0", b'{"event":"opened"'),
        ("journal", "1-0", b"[]"),
        ("journal", "one", b"{}"),
        ("refits", "1", b"{}"),
        ("state", "", b"[1]"),
        ("state", "", b"ended"),
    ],
)
def test_an_event_of_another_version_is_one_line(
    service: Service, fake: FakeService, watcher: Watcher, message: tuple[str, str, bytes]
) -> None:
    fake.on("GET", f"runs/{RUN}/events", stream(message))
    with pytest.raises(UserError, match="same hsiauto") as error:
        watcher.follow(service)
    assert "\n" not in str(error.value)


def test_what_a_listener_raises_is_its_own(service: Service, fake: FakeService, watcher: Watcher) -> None:
    def heard(event: object) -> None:
        raise BrokenPipeError

    fake.on("GET", f"runs/{RUN}/events", stream(*lines(1, 5), END))
    with pytest.raises(BrokenPipeError):
        follow_run(service, RUN, heard, watcher.breaks.append)


def test_events_are_read_as_the_standard_says() -> None:
    sent = (
        b": comment\n\nid: 7\r\nevent: journal\r\ndata: a\r\ndata:b\r\nretry: 5\r\n\r\ndata\n\nevent: state\ndata: cut"
    )
    assert list(messages(sent.splitlines(keepends=True))) == [
        Message("journal", "7", b"a\nb"),
        Message("message", "", b""),
    ]

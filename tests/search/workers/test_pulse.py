"""A Ray that ends during a run is noticed, and no trial is blamed for it."""

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from hsiauto.errors import RayLost
from hsiauto.search.workers import pulse
from hsiauto.search.workers.pulse import EVERY_S, PATIENCE_S, Pulse
from hsiauto.search.workers.tune_adapters import EngineScheduler


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often Ray was ended."""
    ends: list[str] = []
    monkeypatch.setattr(pulse, "ray", SimpleNamespace(shutdown=lambda: ends.append("end")))
    return ends


def test_a_process_that_no_longer_listens_on_this_machine_is_lost_at_once(ended: list[str]) -> None:
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as raylet:
        place = raylet.getsockname()
        beat = Pulse(lambda: True, {"raylet": place}, clock=lambda: now)
        assert beat()
    assert beat(), "Ray is asked once a second"
    now = EVERY_S
    with pytest.raises(RayLost, match=f"its raylet at 127.0.0.1:{place[1]} does not answer .Connection refused."):
        beat()
    assert beat.lost.startswith("Ray was lost")
    assert ended == ["end"]


def test_the_head_of_a_cluster_may_be_out_of_reach_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, why = 0.0, "no route to host"
    monkeypatch.setattr(pulse, "_why_silent", lambda place: why)
    beat = Pulse(None, {"GCS": ("192.0.2.10", 6379)}, clock=lambda: now)
    assert not beat()
    now, why = PATIENCE_S - 1, ""
    assert not beat()
    now, why = PATIENCE_S, "no route to host"
    assert not beat()
    now = 2 * PATIENCE_S
    with pytest.raises(RayLost, match="no route to host"):
        beat()


def test_the_error_of_a_trial_whose_ray_is_lost_is_none_of_its_own() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        beat = Pulse(None, {"raylet": taken.getsockname()})
        untouched: Any = SimpleNamespace()  # an engine or a trial that is asked anything raises AttributeError
        scheduler = EngineScheduler(untouched, untouched, untouched, untouched, untouched, beat)
        with pytest.raises(RayLost):
            scheduler.on_trial_error(None, untouched)

"""Whether the Ray of a run still answers."""

import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import ray

from hsiauto.errors import RayLost

EVERY_S = 1.0
"""How often Ray is asked."""
PATIENCE_S = 20.0
"""For this time the head of a cluster may be out of reach. Ray's own code ends the process after 60 s."""
_LOOPBACK = "127."


@dataclass
class Pulse:
    """`stop` of a caller, asked through it; it raises RayLost once Ray's processes no longer listen."""

    stop: Callable[[], bool] | None
    places: dict[str, tuple[str, int]]
    """What listens -> host and port."""
    clock: Callable[[], float] = time.monotonic
    lost: str = field(default="", init=False)
    """How Ray was lost; empty: it was not."""
    _asked: float = field(default=-1e9, init=False)
    _silent_since: dict[str, float] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, stop: Callable[[], bool] | None = None) -> "Pulse":
        """Of the Ray that this process has started or joined."""
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        here = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
        raylet = (here["NodeManagerAddress"], here["NodeManagerPort"])
        return cls(stop, {"GCS": (host.strip("[]"), int(port)), "raylet": raylet})

    def __call__(self) -> bool:
        """Whether the caller wants the run to end. Ray is asked once in EVERY_S."""
        if self.clock() - self._asked >= EVERY_S:
            self.check()
        return self.stop is not None and self.stop()

    def check(self) -> None:
        """Raise RayLost if Ray is lost."""
        self._asked = self.clock()
        for name, place in self.places.items():
            why = _why_silent(place)
            if not why:
                self._silent_since.pop(name, None)
                continue
            since = self._silent_since.setdefault(name, self.clock())
            if place[0].startswith(_LOOPBACK) or self.clock() - since >= PATIENCE_S:
                self.lost = f"Ray was lost: its {name} at {place[0]}:{place[1]} does not answer ({why})"
                ray.shutdown()  # what waits for it now raises; left alone, Ray's own code ends the process in a minute
                raise RayLost(self.lost)


def _why_silent(place: tuple[str, int]) -> str:
    """Why nobody accepts a connection at `place`; empty: somebody does."""
    try:
        socket.create_connection(place, timeout=EVERY_S).close()
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return "" if error.errno in _OWN_FAULT else error.strerror or str(error)
    return ""


_OWN_FAULT = (errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL)
"""This process has no descriptor or port left: that says nothing about Ray."""

"""How a time limit is shared: search at most 40 %, re-evaluation 20 %, refit 40 %, less what the pictures take."""

import time
from dataclasses import dataclass
from typing import Self

SEARCH_SHARE, REEVALUATION_SHARE = 0.40, 0.20
FINISH_SHARE, FINISH_S = 0.10, 45.0
"""Kept back for the export, the map of the whole scene and the figures: this share, at most this many seconds."""


@dataclass(frozen=True)
class Deadlines:
    """Ends of the phases as `time.monotonic()` values; None without a limit. A phase that ends early leaves its time to
    the next one."""

    search: float | None = None
    reevaluation: float | None = None
    refit: float | None = None
    end: float | None = None
    """The end of everything."""

    @classmethod
    def start(cls, limit_s: float | None) -> Self:
        """The clock starts now."""
        if limit_s is None:
            return cls()
        now = time.monotonic()
        kept = min(FINISH_S, FINISH_SHARE * limit_s)
        search, reevaluation = SEARCH_SHARE * limit_s, (SEARCH_SHARE + REEVALUATION_SHARE) * limit_s
        return cls(now + search, now + reevaluation, now + limit_s - kept, now + limit_s)

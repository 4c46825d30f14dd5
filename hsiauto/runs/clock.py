"""How a time limit is shared: what is left when the run is open, less what its end takes, is search 40 %, re-evaluation
20 %, refit 40 %."""

import time
from dataclasses import dataclass
from typing import Self

SEARCH_SHARE, REEVALUATION_SHARE = 0.40, 0.20
END_SHARE, SHORTEST_END_S, LONGEST_END_S = 0.10, 10.0, 45.0
"""Kept for the end of the last worker, table, export, map and figures: a share of the limit, and its bounds."""
OVERDUE_S = 5.0
"""So long a worker may still be waited for; what comes then takes about as long as the imports took."""
STARTS = 2
"""Ray and its workers start in twice the time of the imports: a phase with less time than that is not begun."""


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
    def share(cls, began: float, limit_s: float | None, start_s: float = 0.0) -> Self:
        """Share what is left now of a limit that counts from `began`. start_s: what the imports took here."""
        if limit_s is None:
            return cls()
        now = time.monotonic()
        kept = min(LONGEST_END_S, max(SHORTEST_END_S, END_SHARE * limit_s, OVERDUE_S + start_s))
        left = began + limit_s - kept - now
        left = 0.0 if left < STARTS * start_s else max(0.0, left)
        search, reevaluation = SEARCH_SHARE * left, (SEARCH_SHARE + REEVALUATION_SHARE) * left
        return cls(now + search, now + reevaluation, now + left, began + limit_s)

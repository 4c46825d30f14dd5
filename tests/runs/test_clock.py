"""How a time limit is shared."""

import time

import pytest

from hsiauto.runs.clock import LONGEST_END_S, SHORTEST_END_S, Deadlines


def _seconds(limit_s: float, started_s: float = 0.0, imports_s: float = 0.0) -> tuple[float, ...]:
    """What search, re-evaluation, refits and the end get of a limit, `started_s` after its beginning."""
    now = time.monotonic()
    found = Deadlines.share(now - started_s, limit_s, imports_s)
    ends = [end for end in (found.search, found.reevaluation, found.refit, found.end) if end is not None]
    return tuple(round(end - before, 1) for before, end in zip((now, *ends), ends, strict=False))


def test_without_a_limit_there_is_no_deadline() -> None:
    assert Deadlines.share(time.monotonic(), None) == Deadlines()


def test_phases_share_what_the_end_leaves() -> None:
    assert _seconds(600) == (222.0, 111.0, 222.0, LONGEST_END_S)


def test_a_limit_counts_from_its_beginning_and_not_from_here() -> None:
    assert sum(_seconds(600, started_s=100)) == pytest.approx(500)


def test_a_short_limit_keeps_seconds_for_table_and_pictures() -> None:
    assert _seconds(40) == (12.0, 6.0, 12.0, SHORTEST_END_S)
    assert _seconds(5) == (0.0, 0.0, 0.0, 5.0)


def test_whoever_took_long_to_import_is_given_longer_to_end() -> None:
    assert _seconds(100, started_s=15, imports_s=15)[-1] == 20.0
    assert _seconds(1000, started_s=200, imports_s=15)[-1] == LONGEST_END_S


def test_no_phase_is_begun_if_its_workers_could_hardly_start() -> None:
    assert _seconds(60, started_s=16, imports_s=15) == (0.0, 0.0, 0.0, 44.0)
    assert _seconds(60, started_s=16, imports_s=1)[0] > 10

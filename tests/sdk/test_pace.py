"""How much of a core a server takes to judge its own logs, by a clock that the test moves."""

from __future__ import annotations

import pytest

from sayso.sdk.audit.pace import Pace

pytestmark = pytest.mark.promise("audit:self")


def _read(pace: Pace, pieces: int, took_s: float, *, behind: bool = False) -> float:
    """Seconds that so many pieces take with the rests between them."""
    now_s = 0.0
    for _ in range(pieces):
        now_s += took_s
        now_s += pace.rest_after(took_s, now_s, behind=behind)
    return now_s


def test_a_small_log_is_read_again_within_seconds() -> None:
    """A tenth of a second of a core's time: about a thousand rows."""
    assert _read(Pace(), 20, 0.005) < 3.0


def test_a_large_log_takes_less_than_a_hundredth_of_a_core() -> None:
    """Half a minute of a core's time, as with a hundred thousand cards that wait, is an hour's."""
    pieces, took_s = 6_000, 0.005
    assert pieces * took_s / _read(Pace(), pieces, took_s) < 0.01


def test_what_changes_all_the_time_takes_no_more() -> None:
    """Rounds of a small log that follow each other for a day are one long one."""
    assert 400_000 * 0.001 / _read(Pace(), 400_000, 0.001) < 0.01


def test_new_entries_do_not_wait_for_what_was_judged_before() -> None:
    """Also where nothing is saved any more."""
    pace = Pace()
    _read(pace, 1_000, 0.01)
    assert _read(pace, 1, 0.01, behind=True) < 0.1

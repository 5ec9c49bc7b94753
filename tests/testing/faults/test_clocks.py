"""Clocks that are moved: at a reading, and for several processes at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from support.faults.points import Points

from sayso.testing.clock import START, FakeClock, FileClock


def test_a_clock_jumps_at_the_reading_that_is_named() -> None:
    """Forward or back between two lines of whoever reads it; otherwise it stands."""
    clock = FakeClock()
    clock.on_reading = points = Points(lambda: clock.advance(hours=-2), at=2)
    assert [clock.now() for _ in range(3)] == [START, *[START - timedelta(hours=2)] * 2]
    assert points.passed == ("clock",) * 3


def test_whoever_opens_the_file_has_the_same_time(tmp_path: Path) -> None:
    """To the microsecond, forward and back; a new file begins at its start."""
    one, two = FileClock(tmp_path / "clock"), FileClock(tmp_path / "clock")
    assert one.now() == two.now() == START
    one.advance(days=400, microseconds=1)
    assert two.now() == START + timedelta(days=400, microseconds=1)
    two.advance(days=-800)
    assert one.now() == START - timedelta(days=400) + timedelta(microseconds=1)

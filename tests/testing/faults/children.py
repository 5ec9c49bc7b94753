"""What runs in the children of `test_crash.py`."""

from __future__ import annotations

from pathlib import Path

from support.faults.points import Points

from sayso.testing.clock import FileClock


def write_lines(points: Points, place: str, *names: str) -> int:
    """Pass each name, and write it down afterwards."""
    for name in names:
        points(name)
        with Path(place).open("a") as file:
            file.write(f"{name}\n")
    return len(names)


async def fail(points: Points) -> None:
    """Break."""
    raise ZeroDivisionError(len(points.passed))


def read_clock(points: Points, place: str) -> list[str]:
    """The time before and after the point."""
    clock = FileClock(Path(place))
    before = clock.now()
    points("between")
    return [before.isoformat(), clock.now().isoformat()]

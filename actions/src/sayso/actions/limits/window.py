"""The time that a limit counts over: an hour, a day, a month of the calendar, or the last so long.

A calendar window is one bucket. A rolling one is thirty, of which the oldest counts whole: so what
passes is never above the limit in any true window, at the price of some room.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sayso.actions.policy.calendar import UTC_NAME, Calendar
from sayso.ids import from_micros, to_micros

PARTS = 30
_ROLLING = re.compile(r"([1-9][0-9]{0,3})(m|h|d)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
Per = Literal["hour", "day", "month"]
_MICROSECOND = timedelta(microseconds=1)
_MICROS = {"hour": 3_600_000_000, "day": 86_400_000_000}
"""How long they are where no clock is put back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window: of the calendar, or rolling.

    Attributes:
        per: of the calendar; None where it rolls.
        rolling: how long it is; None where it is of the calendar.
    """

    per: Per | None = None
    rolling: timedelta | None = None

    @property
    def words(self) -> str:
        """Such as `this hour`, `today`, `in 30 days`."""
        if self.rolling is None:
            return {"hour": "this hour", "day": "today", "month": "this month"}[str(self.per)]
        minutes = self.rolling // timedelta(minutes=1)
        for unit, size in (("days", 1440), ("hours", 60), ("minutes", 1)):
            if minutes % size == 0:
                return f"in {minutes // size} {unit if minutes != size else unit[:-1]}"
        raise AssertionError("a window is some whole minutes long")

    def bucket(self, now: int, calendar: Calendar) -> int:
        """The bucket of a moment: when it begins, in microseconds since 1970."""
        if self.rolling is not None:
            width = self._width
            return now // width * width
        if calendar.zone == UTC_NAME and self.per in _MICROS:
            width = _MICROS[self.per]
            return now // width * width
        return to_micros(self._start(from_micros(now), calendar))

    def oldest(self, now: int, calendar: Calendar) -> int:
        """The oldest bucket that counts at a moment."""
        if self.rolling is None:
            return self.bucket(now, calendar)
        # The one in which the window begins counts whole.
        begins = now - self.rolling // _MICROSECOND
        return begins // self._width * self._width

    def ends(self, now: int, calendar: Calendar) -> datetime:
        """When the bucket of a moment ends, and something is free again."""
        if self.rolling is not None:
            return from_micros(self.oldest(now, calendar) + self._width) + self.rolling
        start = self._start(from_micros(now), calendar)
        if self.per == "hour":
            return start + timedelta(hours=1)
        # Far enough into the next day or month, whatever the clocks do, and back to its start.
        beyond = start + timedelta(days=32 if self.per == "month" else 1, hours=12)
        return self._start(beyond, calendar)

    def longest(self) -> timedelta:
        """No bucket that is older than this counts any more."""
        if self.rolling is not None:
            return self.rolling + timedelta(microseconds=self._width)
        return {"hour": timedelta(hours=2), "day": timedelta(days=2)}.get(
            str(self.per), timedelta(days=32)
        )

    def shortest(self) -> timedelta:
        """Whatever is younger than this surely counts, at whichever moment one looks."""
        return timedelta(minutes=1) if self.rolling is None else self.rolling

    @property
    def _width(self) -> int:
        assert self.rolling is not None, "only of a rolling window"
        return self.rolling // _MICROSECOND // PARTS

    def _start(self, at: datetime, calendar: Calendar) -> datetime:
        local = calendar.local(at)
        if self.per == "hour":
            # An hour that the clock shows twice is two.
            return at - timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return (day if self.per == "day" else day.replace(day=1)).astimezone(UTC)


def read_rolling(said: str) -> timedelta | None:
    """How long `30d`, `12h` or `90m` is; None for what is none."""
    match = _ROLLING.fullmatch(said)
    return None if match is None else int(match[1]) * _UNITS[match[2]]

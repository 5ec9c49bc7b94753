"""Local time: the weekday, the hour and the holidays of a workspace, the same in every process.

The zones come from the `tzdata` package and not from the machine, and a version of the policy names
the one it was made with by digest: two workers with other data never judge by one version.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from sayso.errors import Code, ConfigError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UTC_NAME = "UTC"
WARN_DAYS = 30
"""So many days before the last holiday people are told that the list ends."""

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_LINE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\s+\S.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMoment:
    """One moment as people at the workspace's place read it.

    Attributes:
        weekday: `mon` to `sun`. hour: 0 to 23. day: the calendar's.
        holiday: None where the list of holidays has ended.
    """

    weekday: str
    hour: int
    day: date
    holiday: bool | None


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """Where and when a workspace is.

    Attributes:
        zone: such as `Europe/Berlin`. sha256: of the zone's data.
        holidays: the dates of the list. ends: its last one; None where there is no list.
    """

    zone: str = UTC_NAME
    sha256: str = ""
    holidays: frozenset[date] = frozenset()
    ends: date | None = None
    _info: ZoneInfo | None = field(default=None, compare=False, repr=False)

    def local(self, at: datetime) -> datetime:
        """The moment in the zone."""
        return at.astimezone(UTC if self._info is None else self._info)

    def moment(self, at: datetime) -> LocalMoment:
        """What the moment is there."""
        local = self.local(at)
        day = local.date()
        return LocalMoment(
            weekday=WEEKDAYS[local.weekday()],
            hour=local.hour,
            day=day,
            holiday=self._is_holiday(day),
        )

    def ends_within(self, at: datetime, days: int = WARN_DAYS) -> bool:
        """Whether the list of holidays ends so soon, or has ended."""
        return self.ends is not None and self.ends - timedelta(days=days) <= self.local(at).date()

    def _is_holiday(self, day: date) -> bool | None:
        if self.ends is None:
            return False
        return day in self.holidays if day <= self.ends else None


def read_calendar(zone: str, holidays: str | None = None, *, file: str = "holidays") -> Calendar:
    """The calendar of a zone, with the text of a list of holidays.

    Args:
        holidays: a date in each line, then whatever it is called; `#` begins a comment.
        file: where it stands, for errors.

    Raises:
        ConfigError: `invalid_setting` for a zone that there is not, or a line that is no date.
    """
    days = frozenset(_dates(holidays, file)) if holidays is not None else frozenset[date]()
    ends = max(days, default=None)
    if zone == UTC_NAME:
        return Calendar(holidays=days, ends=ends)
    info, sha256 = _zone(zone)
    return Calendar(zone=zone, sha256=sha256, holidays=days, ends=ends, _info=info)


@lru_cache(maxsize=16)
def _zone(name: str) -> tuple[ZoneInfo, str]:
    if _ZONE.fullmatch(name):
        found = resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))
        if found.is_file():
            data = found.read_bytes()
            if data.startswith(b"TZif"):
                digest = hashlib.sha256(data).hexdigest()
                return ZoneInfo.from_file(io.BytesIO(data), key=name), digest
    raise ConfigError(
        Code.INVALID_SETTING,
        f"there is no time zone `{name[:60]}`",
        next_step="write `time_zone` as the IANA data base does, such as Europe/Berlin",
    )


def _dates(text: str, file: str) -> list[date]:
    found: list[date] = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        if not said:
            continue
        match = _LINE.fullmatch(said)
        try:
            found.append(date.fromisoformat(match[1] if match else said))
        except ValueError:
            raise ConfigError(
                Code.INVALID_SETTING,
                f"{file} line {number}: `{said[:40]}` is no date",
                next_step="write one date a line, such as 2026-12-25 Christmas",
            ) from None
    return found

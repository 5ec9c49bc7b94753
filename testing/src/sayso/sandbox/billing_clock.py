"""What a subscription is at a given time: periods roll on, trials end, cancellations take effect.

Nothing is billed: a period that rolls on makes no invoice and no charge.
"""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sayso.sandbox.rows import Interval, Subscription

_MAX_ROLLS = 20_000


def after(start: int, interval: Interval, count: int) -> int:
    """The time one period later; the 31st becomes the last day of a shorter month.

    Args:
        start: seconds since 1970.
        interval: the period's unit.
        count: how many units make one period.

    Returns:
        seconds since 1970.
    """
    moment = datetime.fromtimestamp(start, UTC)
    match interval:
        case "day":
            return int((moment + timedelta(days=count)).timestamp())
        case "week":
            return int((moment + timedelta(weeks=count)).timestamp())
        case "month" | "year":
            months = moment.month - 1 + count * (12 if interval == "year" else 1)
            year, month = moment.year + months // 12, months % 12 + 1
            day = min(moment.day, calendar.monthrange(year, month)[1])
            return int(moment.replace(year=year, month=month, day=day).timestamp())


def as_of(
    subscription: Subscription, now: int, interval: Interval = "month", count: int = 1
) -> Subscription:
    """The subscription as it is at `now`.

    Args:
        subscription: as stored.
        now: seconds since 1970.
        interval: its price's unit.
        count: its price's count.
    """
    current = subscription
    for _ in range(_MAX_ROLLS):
        ends = current.period_end if current.cancel_at_period_end else current.cancel_at
        if current.status != "canceled" and ends is not None and ends <= current.period_end:
            return current if now < ends else replace(current, status="canceled", ended_at=ends)
        if current.status == "canceled" or now < current.period_end:
            break
        current = replace(
            current,
            status="active" if current.status == "trialing" else current.status,
            period_start=current.period_end,
            period_end=after(current.period_end, interval, count),
        )
    return current

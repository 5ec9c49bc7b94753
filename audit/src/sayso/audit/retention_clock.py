"""The time on which the clock and the log agree, by which it is judged what was kept long enough.

One reading of a clock deletes nothing. While a clock is far ahead, everything would seem old: so it
counts only as far as the log holds an entry of a day ago or more by that same clock. A wrong clock
has to go on for a day, and to write, before anything goes too early; and people see it by then.
"""

from __future__ import annotations

from functools import partial

from sayso.audit.entry import Entry, EntryKind
from sayso.audit.erasure import RETENTION
from sayso.audit.log import AuditLog
from sayso.ids import Tenant, rfc3339
from sayso.store.base import Reader, Store, Transaction, integer_or_none

DAY_MICROS = 86_400_000_000


def agreed_time(reader: Reader, tenant: Tenant, now: int) -> int:
    """When the newest entry of a day ago or more was written; microseconds since 1970.

    The newest by its place in the log, since what a wrong clock wrote stands between the others. A
    log that is younger than a day holds nothing that is old.
    """
    day_ago = now - DAY_MICROS
    row = reader.one("log.newest_until", tenant=tenant, until=day_ago)
    return (None if row is None else integer_or_none(row, "at")) or day_ago


async def note_time(store: Store, log: AuditLog, tenant: Tenant, now: int, before: int) -> bool:
    """Have a log that says nothing of the last day say what time it is; returns whether it had to.

    To be called when something is old enough by the clock alone: it goes in a day then, also where
    nobody writes to the log.

    Args:
        before: what was older than this would have gone.
    """
    return await store.write(
        partial(_note, log=log, tenant=tenant, now=now, before=before), about=tenant
    )


def _note(tx: Transaction, log: AuditLog, tenant: Tenant, now: int, before: int) -> bool:
    row = tx.one("log.newest_until", tenant=tenant, until=2**62)
    newest = (None if row is None else integer_or_none(row, "at")) or 0
    if now - DAY_MICROS < newest <= now:
        return False
    entry = Entry(
        kind=EntryKind.RETENTION_SWEPT,
        actor=RETENTION,
        data={"before": rfc3339(before), "put_off": True},
    )
    log.append(tx, tenant, entry)
    return True

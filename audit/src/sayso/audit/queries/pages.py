"""Pages of the log that fit a query, newest first, with an index or without."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from sayso.audit.authority.state import read_body
from sayso.audit.entry import MAX_INT, StoredEntry
from sayso.audit.fields import Fields
from sayso.audit.queries.index import LogIndex
from sayso.audit.queries.query import Query, fits
from sayso.audit.queries.terms import match_of
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant
from sayso.store.base import Reader, Row, SqlValue, text

MAX_PAGE = 1000
_FEW = 64
_MANY = 1000
_LED_BY = ("action", "request", "subject", "kind")
"""What the log itself has an index of."""


def read_page(
    reader: Reader,
    tenant: Tenant,
    query: Query,
    *,
    limit: int,
    before: int | None = None,
    index: LogIndex | None = None,
) -> list[StoredEntry]:
    """A page of entries, newest first.

    Args:
        limit: 1 to 1000.
        before: the index of the last entry of the page before.
        index: of the tenant's log; without one, a query that names no action, request, customer
            or kind reads all entries.

    Raises:
        RefusedError: `invalid_input`, for another limit.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise RefusedError(
            Code.INVALID_INPUT,
            f"a page has 1 to {MAX_PAGE} entries",
            next_step=f"ask for 1 to {MAX_PAGE}, and then for the page before the last entry",
        )
    # No database has more entries, and none takes much larger numbers.
    end = MAX_INT if before is None else min(before, MAX_INT)
    found: list[StoredEntry] = []
    with contextlib.closing(_candidates(reader, tenant, query, limit, end, index)) as bodies:
        for body in bodies:
            fields: Fields = read_body(body)
            if fits(query, fields):
                found.append(StoredEntry.read(body))
                if len(found) == limit:
                    break
    return found


def _candidates(
    reader: Reader, tenant: Tenant, query: Query, limit: int, before: int, index: LogIndex | None
) -> Generator[bytes]:
    """Bodies, newest first, among which are all that fit."""
    match = match_of(query) if index is not None and needs_index(query) else ""
    if index is None or not (match or query.at_from or query.at_to):
        yield from _walk(reader, tenant, query, limit, 0, before)
        return
    with index.snapshot():
        yield from _walk(reader, tenant, query, limit, index.size, before)
        low, end = index.between(query.at_from, query.at_to)
        before = min(before, end)
        if not match:
            yield from _walk(reader, tenant, query, limit, low, before)
            return
        while found := index.find(match, low=low, before=before, limit=max(limit, _FEW)):
            yield from bodies_at(reader, tenant, found)
            before = found[-1]


def needs_index(query: Query) -> bool:
    """Whether the log's own indexes leave much to read through; none of them knows times."""
    if query.at_from is not None or query.at_to is not None:
        return True
    if query.action is not None or query.request is not None:
        return False
    rest = replace(query, subject=None, kind=None)
    both = query.subject is not None and query.kind is not None
    return rest != Query() or both


def _walk(
    reader: Reader, tenant: Tenant, query: Query, limit: int, low: int, before: int
) -> Iterator[bytes]:
    """Bodies by an index of the log itself, or all of them, in growing steps."""
    name = next((one for one in _LED_BY if getattr(query, one) is not None), None)
    led: dict[str, SqlValue] = {} if name is None else {name: getattr(query, name)}
    statement = "log.page" if name is None else f"log.page_by_{name}"
    alone = query == Query(**led)  # type: ignore[arg-type]
    step = limit if alone else max(limit, _FEW)
    while before > low:
        rows = reader.all(statement, tenant=tenant, low=low, before=before, limit=step, **led)
        for row in rows:
            yield text(row, "body").encode()
        if len(rows) < step:
            return
        before = int(str(rows[-1]["seq"]))
        step = min(step * 4, _MANY)


def bodies_at(reader: Reader, tenant: Tenant, seqs: Sequence[int]) -> Iterator[bytes]:
    """The bodies at these indexes, in their order, which rises or falls throughout."""
    rising = len(seqs) > 1 and seqs[0] < seqs[-1]
    for start in range(0, len(seqs), _FEW):
        asked = seqs[start : start + _FEW]
        numbers: dict[str, SqlValue] = {
            f"s{at}": asked[at] if at < len(asked) else None for at in range(_FEW)
        }
        rows: list[Row] = reader.all("log.bodies_at", tenant=tenant, **numbers)
        for row in reversed(rows) if rising else rows:
            yield text(row, "body").encode()

"""Feeds the verifier with the logs of a store that it cannot open by itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TypeVar, cast

from sayso.audit.checks import Head, LogSource, StateRow
from sayso.audit.database import open_database
from sayso.audit.keys import ListedKey
from sayso.audit.log import AuditLog
from sayso.audit.logs import LOGS, EnteredHead, read_entered
from sayso.audit.projections import ABSENT, JOINED, SEPARATOR
from sayso.audit.segment_rows import parse_row
from sayso.audit.stored_rows import StoredRow
from sayso.errors import Code, ConfigError, IntegrityError, SaysoError
from sayso.ids import Tenant
from sayso.store.base import (
    Reader,
    Row,
    SqlValue,
    blob,
    integer,
    integer_or_none,
    text,
)

T = TypeVar("T")

_PAGE = 1000
_WHOLE = {
    "action": "log.whole_actions",
    "approval": "log.whole_approvals",
    "request": "log.whole_requests",
    "stop": "log.whole_stops",
}
_WHOLE_OF_AUDITOR = {
    "action": "log.whole_actions_of_auditor",
    "approval": "log.whole_approvals",
    "stop": "log.whole_stops_of_auditor",
}
_STATE = {"action": "log.actions_to_verify", "approval": "log.approvals_to_verify"}


def read_sources(
    reader: Reader, tenant: str | None, *, auditor: bool = False
) -> Iterator[LogSource]:
    """The logs of a snapshot, read page by page while they are judged.

    Args:
        reader: must stay open until the last row has been judged.
        tenant: only this log; all when None.
        auditor: read only what `sayso_auditor` may: neither votes nor requests, and no key of a
            subject.
    """
    known = _readable(lambda: reader.all("log.tenants_to_verify"))
    entered = read_entered_heads(reader)
    for name in (text(row, "tenant") for row in known):
        if tenant in {None, name}:
            yield _source(reader, name, entered.get(name, ()), auditor=auditor)


def tenants_of(path: Path) -> list[str]:
    """The tenants that have a log in a SQLite file; none where it cannot be read."""
    try:
        with open_database(path) as database:
            return database.tenants()
    except (sqlite3.Error, IntegrityError):
        return []  # the verifier says so


def own_vkeys(log: AuditLog, tenants: Iterable[str]) -> list[str]:
    """The workspace's own key under the name of each log; names that fit no note have none."""
    found: list[str] = []
    for tenant in tenants:
        with contextlib.suppress(ConfigError):
            found += [signer.vkey for signer in log.signers_of(Tenant(tenant))[:1]]
    return found


def read_entered_heads(reader: Reader) -> dict[str, tuple[EnteredHead, ...]]:
    """The heads that the log of logs has, by tenant."""
    return read_entered(text(row, "body").encode() for row in _pages(reader, LOGS))


def _pages(reader: Reader, tenant: str) -> Iterator[Row]:
    start = 0
    while page := _page(reader, "log.bodies", tenant=tenant, from_seq=start):
        yield from page
        start = integer(page[-1], "seq") + 1


def _source(
    reader: Reader, tenant: str, entered: tuple[EnteredHead, ...], *, auditor: bool
) -> LogSource:
    head = _readable(lambda: reader.one("log.head", tenant=tenant))
    keys = _readable(lambda: reader.all("log.keys", tenant=tenant))
    deployment = _readable(lambda: reader.one("log.meta", key="deployment"))
    return LogSource(
        tenant=tenant,
        origin=f"{text(deployment, 'value') if deployment else ''}/{tenant}",
        head=_head(head) if head else None,
        keys=tuple(
            ListedKey(
                vkey=text(row, "vkey"),
                from_size=integer(row, "from_size"),
                to_size=integer_or_none(row, "to_size"),
            )
            for row in keys
        ),
        rows=chain.from_iterable(_pages_of_entries(reader, tenant)),
        columns=JOINED,
        joins=True,
        state={
            table: chain.from_iterable(_pages_of_state(reader, query, tenant))
            for table, query in _STATE.items()
        },
        stored=_stored(reader, tenant, auditor=auditor),
        entered=entered,
        witnessed=tuple(
            text(row, "note").encode()
            for row in _readable(lambda: reader.all("publication.of_tenant", tenant=tenant))
        ),
        body_at=partial(_body_at, reader, tenant),
        sealed=tuple(
            parse_row(row)
            for row in _readable(lambda: reader.all("segment.of_tenant", tenant=tenant))
        ),
    )


def _head(row: Row) -> Head:
    return Head(
        note=text(row, "note").encode(), size=integer(row, "size"), frontier=blob(row, "frontier")
    )


def _pages_of_entries(reader: Reader, tenant: str) -> Iterator[Iterable[tuple[object, ...]]]:
    """The server makes the next page while this one is judged."""
    start, query = 0, "log.texts_to_verify"

    def page_at(start: int) -> Row:
        (page,) = _page(reader, query, tenant=tenant, from_seq=start)
        return page

    reader.ahead(query, tenant=tenant, from_seq=start, limit=_PAGE)
    while True:
        expected = start + _PAGE
        reader.ahead(query, tenant=tenant, from_seq=expected, limit=_PAGE)
        page = page_at(start)
        if not page["rows"]:
            return
        yield _joined_rows(page) or _rows_apart(reader, tenant, start)
        start = integer(page, "last") + 1
        if start != expected:
            page_at(expected)  # what was asked for is not needed


def _joined_rows(page: Row) -> Iterator[tuple[object, ...]] | None:
    """The rows of a page, or None when it cannot be said where each of its values ends."""
    first, count = integer(page, "first"), integer(page, "rows")
    is_dense = count == integer(page, "indexes") == integer(page, "last") - first + 1
    bodies, columns = blob(page, "bodies").split(b"\n"), text(page, "columns")
    lines = columns.split("\n")
    if not is_dense or len(bodies) != count or len(lines) != count:
        return None
    if columns.count(SEPARATOR) != count * (len(JOINED) - 1):
        return None
    if columns.count(ABSENT) != integer(page, "nulls"):
        return None
    return zip(range(first, first + count), bodies, lines, strict=True)


def _rows_apart(reader: Reader, tenant: str, start: int) -> Iterator[tuple[object, ...]]:
    columns = cast("Callable[[Row], tuple[object, ...]]", itemgetter(*JOINED))
    for row in _page(reader, "log.rows_to_verify", tenant=tenant, from_seq=start):
        yield (row["seq"], text(row, "body").encode(), columns(row))


def _pages_of_state(reader: Reader, query: str, tenant: str) -> Iterator[Iterable[StateRow]]:
    read = cast("Callable[[Row], StateRow]", itemgetter("id", "status", "last_seq"))
    after = ""
    while page := _page(reader, query, tenant=tenant, after=after):
        yield map(read, page)
        after = text(page[-1], "id")


def _stored(reader: Reader, tenant: str, *, auditor: bool) -> dict[str, Iterator[StoredRow]]:
    if auditor:
        return {
            table: _whole_rows(reader, query, tenant) for table, query in _WHOLE_OF_AUDITOR.items()
        }
    found = {table: _whole_rows(reader, query, tenant) for table, query in _WHOLE.items()}
    return {**found, "vote": _votes(reader, tenant)}


def _whole_rows(reader: Reader, query: str, tenant: str) -> Iterator[StoredRow]:
    after = ""
    while page := _page(reader, query, tenant=tenant, after=after):
        yield from page
        after = text(page[-1], "id")


def _votes(reader: Reader, tenant: str) -> Iterator[StoredRow]:
    after: dict[str, SqlValue] = {"after": "", "revision": 0, "person": ""}
    while page := _page(reader, "log.whole_votes", tenant=tenant, **after):
        yield from page
        last = page[-1]
        after = {
            "after": text(last, "approval_id"),
            "revision": integer(last, "revision"),
            "person": text(last, "person"),
        }


def _body_at(reader: Reader, tenant: str, seq: object) -> bytes | None:
    if type(seq) is not int:
        return None
    row = _readable(lambda: reader.one("log.bodies", tenant=tenant, from_seq=seq, limit=1))
    return text(row, "body").encode() if row is not None and row["seq"] == seq else None


def _page(reader: Reader, query: str, **params: SqlValue) -> list[Row]:
    return _readable(lambda: reader.all(query, limit=_PAGE, **params))


def _readable(ask: Callable[[], T]) -> T:
    """An error of the store becomes one that the verifier reports instead of passing on."""
    try:
        return ask()
    except SaysoError as error:
        raise IntegrityError(
            Code.NOT_A_STORE, f"the log cannot be read: {error.message}", detail=error.detail
        ) from error

"""Feeds the verifier with the logs of a store that it cannot open by itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TypeVar, cast

import orjson

from sayso.audit.entry import EntryKind
from sayso.audit.log import AuditLog, read_place
from sayso.audit.log_of_logs import LOGS, EnteredHead, read_entered
from sayso.audit.meaning import ROWS
from sayso.audit.place import ends_here
from sayso.audit.segments.rows import parse_row
from sayso.audit.segments.sealed import SealedSegment
from sayso.audit.signed_note.timestamps import StampedNote
from sayso.audit.signing.keys import ListedKey
from sayso.audit.verifier.checks import LogSource, SourceHead
from sayso.audit.verifier.database import check_tenants, open_database
from sayso.audit.verifier.state_checks import StateRow
from sayso.audit.verifier.stored_rows import STORED, StoredRow, row_text
from sayso.audit.verifier.walk import in_pages
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
K = TypeVar("K")

_PAGE = 1000
_LOWEST = -(2**63)
_WHOLE_OF_AUDITOR = {
    "action": "log.whole_actions_of_auditor",
    "approval": "log.whole_approvals_of_auditor",
    "stop": "log.whole_stops_of_auditor",
    "hold": "log.whole_holds",
    "erasure": "log.whole_erasures",
    "policy_change": "log.whole_policy_changes",
    "canary": "log.whole_canaries",
    "customer_link": "log.whole_links_of_auditor",
}
_STATE = {"action": "log.actions_to_verify", "approval": "log.approvals_to_verify"}


def read_sources(
    reader: Reader,
    tenant: str | None,
    *,
    auditor: bool = False,
    copies: Collection[str] = frozenset(),
) -> Iterator[LogSource]:
    """The logs of a snapshot, read page by page while they are judged.

    Args:
        reader: must stay open until the last row has been judged.
        tenant: only this log; all when None.
        auditor: read only what `sayso_auditor` may: neither votes nor requests, and no key of a
            subject.
        copies: logs that go on in another database, whose rows are there.
    """
    known = read_tenants(reader)
    entered = read_entered_heads(reader)
    for name in known:
        if tenant in {None, name}:
            gone = name in copies or has_gone_from(reader, name, auditor=auditor)
            source = _source(reader, name, entered.get(name, ()), auditor=auditor)
            yield replace(source, state=None, stored=None) if gone else source


def has_gone_from(reader: Reader, tenant: str, *, auditor: bool = False) -> bool:
    """Whether a log's rows are in another database: it has ended here, or has never arrived."""
    head = read_head(reader, tenant)
    size = 0 if head is None else head.size or 0
    ended = size > 0 and ends_here(_body_at(reader, tenant, size - 1))
    return ended or is_left(reader, tenant, auditor=auditor)


def is_left(reader: Reader, tenant: str, *, auditor: bool = False) -> bool:
    """Whether a log says that its tenant leaves, and there are no rows of it at all.

    So it is with a copy that has never arrived, once the tenant has stayed where it was. A log that
    leaves takes in nothing new, and the rows have to be there as soon as it goes on.
    """
    place = _readable(lambda: read_place(reader, tenant))
    if place.kind is not EntryKind.TENANT_LEAVING:
        return False
    return not any(
        _readable(partial(reader.all, query, limit=1, tenant=tenant, **start))
        for query, start in _tables(auditor=auditor).values()
    )


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


def read_deployment(reader: Reader) -> str:
    """The first part of each log's origin."""
    row = _readable(lambda: reader.one("log.meta", key="deployment"))
    return text(row, "value") if row else ""


def _pages(reader: Reader, tenant: str) -> Iterator[Row]:
    start = 0
    while page := _page(reader, "log.bodies", tenant=tenant, from_seq=start):
        yield from page
        start = integer(page[-1], "seq") + 1


def _source(
    reader: Reader, tenant: str, entered: tuple[EnteredHead, ...], *, auditor: bool
) -> LogSource:
    return LogSource(
        tenant=tenant,
        origin=f"{read_deployment(reader)}/{tenant}",
        head=read_head(reader, tenant),
        keys=read_keys(reader, tenant),
        pages=_pages_of_entries(reader, tenant),
        columns=STORED,
        as_row_text=True,
        state={table: _state_rows(reader, query, tenant) for table, query in _STATE.items()},
        stored=_stored(reader, tenant, auditor=auditor),
        entered=entered,
        witnessed=tuple(
            text(row, "note").encode()
            for row in _readable(lambda: reader.all("publication.of_tenant", tenant=tenant))
        ),
        stamped=_stamped(reader, tenant),
        body_at=partial(_body_at, reader, tenant),
        sealed=read_sealed(reader, tenant),
    )


def _stamped(reader: Reader, tenant: str) -> Iterator[StampedNote]:
    """The heads with time stamps, read when they are asked for."""
    size, place = -1, ""
    while rows := _page(reader, "publication.stamped", tenant=tenant, size=size, place=place):
        for row in rows:
            yield StampedNote(note=text(row, "note").encode(), token=blob(row, "token"))
        size, place = integer(rows[-1], "size"), text(rows[-1], "place")


def read_head(reader: Reader, tenant: str) -> SourceHead | None:
    """The newest head of a log; None where there is none."""
    row = _readable(lambda: reader.one("log.head", tenant=tenant))
    if row is None:
        return None
    return SourceHead(
        note=text(row, "note").encode(), size=integer(row, "size"), frontier=blob(row, "frontier")
    )


def read_keys(reader: Reader, tenant: str) -> tuple[ListedKey, ...]:
    """The keys that a log has had."""
    return tuple(
        ListedKey(
            vkey=text(row, "vkey"),
            from_size=integer(row, "from_size"),
            to_size=integer_or_none(row, "to_size"),
        )
        for row in _readable(lambda: reader.all("log.keys", tenant=tenant))
    )


def read_sealed(reader: Reader, tenant: str) -> tuple[SealedSegment | None, ...]:
    """The sealed segments of a log, with None in the place of one that can be none."""
    rows = _readable(lambda: reader.all("segment.of_tenant", tenant=tenant))
    return tuple(map(parse_row, rows))


def _pages_of_entries(reader: Reader, tenant: str) -> Iterator[Iterable[tuple[object, ...]]]:
    """The server makes the next page while this one is judged.

    INVARIANT: each page begins with the last row of the one before; see `_every_page`.
    """

    def page_at(seq: int) -> Row:
        (page,) = _page(reader, "log.texts_to_verify", tenant=tenant, seq=seq)
        return page

    start, known = _LOWEST, 0
    reader.ahead("log.texts_to_verify", tenant=tenant, seq=start, limit=_PAGE)
    while True:
        guess = max(start, 0) + _PAGE - 1
        reader.ahead("log.texts_to_verify", tenant=tenant, seq=guess, limit=_PAGE)
        page = page_at(start)
        rows = _rows_of(page)
        if rows is None:
            yield from in_pages(islice(_rows_apart(reader, tenant, start), known, None))
            return
        yield islice(rows, known, None)
        if integer(page, "rows") < _PAGE:
            return
        start, known = integer(page, "last"), 1
        if start != guess:
            page_at(guess)  # what was asked for is not needed


def _rows_of(page: Row) -> Iterator[tuple[object, ...]] | None:
    """The rows of a page, or None when it cannot be said where each of its values ends."""
    count = integer(page, "rows")
    if not count:
        return iter(())
    first, last = integer(page, "first"), integer(page, "last")
    # Neither JSON that agrees with itself nor what `said` makes has a line break inside.
    bodies, columns = blob(page, "bodies").split(b"\n"), blob(page, "said").split(b"\n")
    if not count == integer(page, "indexes") == last - first + 1 == len(bodies) == len(columns):
        return None
    return zip(range(first, last + 1), bodies, columns, strict=True)


def _rows_apart(reader: Reader, tenant: str, start: int) -> Iterator[tuple[object, ...]]:
    for row in _every_row(reader, "log.rows_to_verify", tenant, {"seq": start}):
        yield (row["seq"], text(row, "body").encode(), row_text(tenant, row["seq"], row))


def _state_rows(reader: Reader, query: str, tenant: str) -> Iterator[StateRow]:
    def read(start: str) -> list[StateRow]:
        (page,) = _page(reader, query, tenant=tenant, id=start)
        return [] if page["rows"] is None else orjson.loads(blob(page, "rows"))

    id_of = cast("Callable[[StateRow], str]", itemgetter(0))
    return chain.from_iterable(_every_page(read, id_of, ""))


def _tables(*, auditor: bool) -> Mapping[str, tuple[str, Mapping[str, SqlValue]]]:
    if not auditor:
        return ROWS
    return {
        **{table: (query, ROWS[table][1]) for table, query in _WHOLE_OF_AUDITOR.items()},
        **{table: ROWS[table] for table in ("policy_version", "work", "work_note")},
    }


def _stored(reader: Reader, tenant: str, *, auditor: bool) -> dict[str, Iterator[StoredRow]]:
    return {
        table: _every_row(reader, query, tenant, start)
        for table, (query, start) in _tables(auditor=auditor).items()
    }


def _every_row(
    reader: Reader, query: str, tenant: str, start: Mapping[str, SqlValue]
) -> Iterator[Row]:
    def read(at: Mapping[str, SqlValue]) -> list[Row]:
        return _page(reader, query, tenant=tenant, **at)

    def key_of(row: Row) -> Mapping[str, SqlValue]:
        return {name: row[name] for name in start}

    return chain.from_iterable(_every_page(read, key_of, start))


def _every_page(
    read: Callable[[K], list[T]], key_of: Callable[[T], K], start: K
) -> Iterator[list[T]]:
    """All rows of a query, page by page, in the order of their key.

    INVARIANT: each page begins with the last row of the one before. A second row with the same key,
    which only a table without its index can have, would else hide between two pages.

    Args:
        read: the page from a key on.
        start: a key that none is below.

    Raises:
        IntegrityError: `tampered`, when a whole page has one key.
    """
    last, at = None, start
    while page := read(at):
        again = 0
        while again < len(page) and last == key_of(page[again]):
            again += 1
        yield page if again > 1 else page[again:]
        if again == len(page):
            if again == _PAGE:
                raise IntegrityError(Code.TAMPERED, f"{_PAGE} rows have one key")
            return
        last = at = key_of(page[-1])


def _body_at(reader: Reader, tenant: str, seq: object) -> bytes | None:
    if type(seq) is not int:
        return None
    row = _readable(lambda: reader.one("log.bodies", tenant=tenant, from_seq=seq, limit=1))
    return text(row, "body").encode() if row is not None and row["seq"] == seq else None


def read_tenants(reader: Reader) -> list[str]:
    """Every tenant that has a log, or rows that a log should tell of."""
    known = _readable(lambda: reader.all("log.tenants_to_verify"))
    return check_tenants([text(row, "tenant") for row in known])


def _page(reader: Reader, query: str, **params: SqlValue) -> list[Row]:
    return _readable(lambda: reader.all(query, limit=_PAGE, **params))


def _readable(ask: Callable[[], T]) -> T:
    """An error of the store becomes one that the verifier reports instead of passing on."""
    try:
        return ask()
    except SaysoError as error:
        code = Code.DAMAGED if error.code is Code.DAMAGED else Code.NOT_A_DATABASE
        raise IntegrityError(
            code, f"the log cannot be read: {error.message}", detail=error.detail
        ) from error

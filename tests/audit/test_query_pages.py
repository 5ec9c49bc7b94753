"""Pages of the log against a list: whatever is asked, nothing is missed and nothing repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pytest
from audit.rowless_log import append_alone
from audit.small_log import signer_of
from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, StoredEntry
from sayso.audit.log import AuditLog
from sayso.audit.queries.index import LogIndex
from sayso.audit.queries.pages import MAX_PAGE, read_page
from sayso.audit.queries.query import Query, parse_query
from sayso.ids import Tenant, to_micros
from sayso.money import Money
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import START, FakeClock

T = TypeVar("T")
MAIN = Tenant("main")
SIZE = 180
BEGIN = to_micros(START)
DAY = timedelta(days=1) // timedelta(microseconds=1)


def pick(options: tuple[T, ...], seq: int, step: int) -> T:
    """A choice that runs through the options at its own pace."""
    return options[seq // step % len(options)]


def entry_at(seq: int) -> Entry:
    """Entries in which every field takes each of a few values, and none."""
    amounts = (None, Money(1000, "USD"), Money(1000, "EUR"), Money(2500, "USD"), Money(10, "JPY"))
    return Entry(
        kind=pick((EntryKind.ACTION_PROPOSED, EntryKind.ACTION_REFUSED), seq, 1),
        actor=Actor(kind=ActorKind.PERSON, id=pick(("maria", "noor", "a:b"), seq, 2)),
        action=pick((None, "act_1", "act_2"), seq, 3),
        request=pick(("req_1", None), seq, 4),
        approval=pick((None, "apr_1"), seq, 5),
        subject=pick(("sub_a", "sub_b", None), seq, 6),
        name=pick(("shop.refund", "shop.note"), seq, 7),
        amount=pick(amounts, seq, 1),
        status=pick(("planned", None, "approved"), seq, 8),
        rule=pick((None, "small"), seq, 9),
        digest=pick(("ab" * 32, "ab" * 31 + "cd", None, "0" * 64), seq, 2),
    )


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A store with a log, and the same entries as a list, newest first."""

    store: SqliteStore
    index: LogIndex | None
    entries: list[StoredEntry]

    def page(self, query: Query, limit: int = MAX_PAGE, before: int | None = None) -> list[int]:
        """The indexes of a page."""
        found = asyncio.run(
            self.store.read(
                lambda reader: read_page(
                    reader, MAIN, query, limit=limit, before=before, index=self.index
                )
            )
        )
        return [stored.seq for stored in found]


@pytest.fixture(scope="module", params=[None, SIZE - 50], ids=["no index", "an index"])
def filled(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Generator[Filled]:
    """A log of three entries a day, beside the log of another tenant."""
    store = SqliteStore(tmp_path_factory.mktemp("query") / "sayso.db", create=True)
    clock = FakeClock()
    log = AuditLog("acme", signer_of("acme"), clock)
    entries: list[StoredEntry] = []

    def work(tx: Transaction) -> None:
        for seq in range(SIZE):
            entry, at_micros = entry_at(seq), to_micros(clock.now())
            append_alone(log, tx, MAIN, entry)
            append_alone(log, tx, Tenant("other"), entry)
            body = entry.body(tenant=MAIN, seq=seq, at_micros=at_micros)
            entries.insert(0, StoredEntry.read(body))
            clock.advance(hours=8)

    asyncio.run(store.write(work))
    index = LogIndex(None, MAIN) if request.param else None
    if index is not None:
        covering = index
        asyncio.run(store.read(lambda reader: covering.fill(reader, request.param)))
    yield Filled(store=store, index=index, entries=entries)
    if index is not None:
        index.close()
    asyncio.run(store.close())


def holds(query: Query, stored: StoredEntry) -> bool:
    """The model: what the attributes of `Query` say, in plain words."""
    entry = stored.entry
    exact = (
        (query.action, entry.action),
        (query.request, entry.request),
        (query.approval, entry.approval),
        (query.subject, entry.subject),
        (query.kind, entry.kind.value),
        (query.actor, entry.actor.id),
        (query.name, entry.name),
        (query.status, entry.status),
        (query.rule, entry.rule),
        (query.currency, entry.amount.currency if entry.amount else None),
    )
    if any(asked is not None and asked != found for asked, found in exact):
        return False
    minor = entry.amount.amount_minor if entry.amount else None
    ranges = (
        (query.amount_from, query.amount_to, minor),
        (query.at_from, None if query.at_to is None else query.at_to - 1, stored.at_micros),
    )
    for first, last, found in ranges:
        if first is not None and (found is None or found < first):
            return False
        if last is not None and (found is None or found > last):
            return False
    return query.digest is None or (entry.digest or "").startswith(query.digest)


MOMENTS = st.none() | st.integers(BEGIN - DAY, BEGIN + 61 * DAY)
AMOUNTS = st.none() | st.integers(0, 3000)
QUERIES = st.builds(
    Query,
    action=st.sampled_from([None, None, "act_1", "act_3"]),
    request=st.sampled_from([None, None, "req_1"]),
    approval=st.sampled_from([None, None, "apr_1"]),
    subject=st.sampled_from([None, None, "sub_a"]),
    kind=st.sampled_from([None, None, "action.refused", "action.proposed"]),
    actor=st.sampled_from([None, None, "maria", "a:b"]),
    name=st.sampled_from([None, None, "shop.note"]),
    status=st.sampled_from([None, None, "approved"]),
    rule=st.sampled_from([None, None, "small"]),
    digest=st.sampled_from([None, None, "ababab", "ab" * 31 + "cd", "000000", "ffffff"]),
    currency=st.sampled_from([None, None, "USD", "EUR"]),
    amount_from=AMOUNTS,
    amount_to=AMOUNTS,
    at_from=MOMENTS,
    at_to=MOMENTS,
)


@given(query=QUERIES, limit=st.integers(1, 40))
def test_pages_together_are_all_that_fits_and_nothing_twice(
    filled: Filled, query: Query, limit: int
) -> None:
    """Keyset paging: each entry once, newest first, of this tenant only."""
    found: list[int] = []
    before: int | None = None
    while page := filled.page(query, limit, before):
        assert len(page) <= limit
        found += page
        before = page[-1]
    assert found == [stored.seq for stored in filled.entries if holds(query, stored)]


def test_amounts_are_compared_within_their_currency_only(filled: Filled) -> None:
    """10.00 USD, 10.00 EUR and 10 JPY are three things; both ends are included."""
    for words, currency, minor in (
        ("amount:10USD", "USD", {1000}),
        ("amount:>9.99USD", "USD", {1000, 2500}),
        ("amount:>10USD", "USD", {2500}),
        ("amount:10..25USD", "USD", {1000, 2500}),
        ("amount:<25USD", "USD", {1000}),
        ("amount:>0EUR", "EUR", {1000}),
        ("amount:10JPY", "JPY", {10}),
    ):
        expected = [
            stored.seq
            for stored in filled.entries
            if stored.entry.amount is not None
            and stored.entry.amount.currency == currency
            and stored.entry.amount.amount_minor in minor
        ]
        assert expected
        assert filled.page(parse_query(words)) == expected, words


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ('rule:"up to 50"  name:x', Query(rule="up to 50", name="x")),
        ("rule:'it is \"so\"'", Query(rule='it is "so"')),
        ('rule:up" to "50', Query(rule="up to 50")),
    ],
)
def test_quotes_hold_blanks_together(words: str, query: Query) -> None:
    """As a shell reads them (parse_query)."""
    assert parse_query(words) == query

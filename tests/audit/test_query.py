"""Asking the log: the qualifiers, what is refused, and pages that miss and repeat nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from audit.rowless_log import append_alone
from hypothesis import given
from hypothesis import strategies as st

from sayso.audit.entry import Actor, ActorKind, Entry, EntryKind, Json
from sayso.audit.log import AuditLog
from sayso.audit.queries.index import LogIndex
from sayso.audit.queries.pages import MAX_PAGE, read_page
from sayso.audit.queries.query import Query, parse_query
from sayso.audit.signed_note.note import Ed25519Signer
from sayso.errors import Code, RefusedError, SaysoError
from sayso.ids import Tenant, to_micros
from sayso.money import Money
from sayso.store.base import Transaction
from sayso.store.sqlite.store import SqliteStore
from sayso.testing.clock import FakeClock

MAIN = Tenant("main")
COUNT = 40
PEOPLE = ("maria", "finn")
KINDS = (EntryKind.ACTION_PENDING, EntryKind.ACTION_APPROVED, EntryKind.ACTION_SUCCEEDED)


def entry(number: int) -> Entry:
    """Entry `number`: everything that can be asked for changes with another period."""
    return Entry(
        kind=KINDS[number % 3],
        actor=Actor(kind=ActorKind.PERSON, id=PEOPLE[number % 2]),
        action=f"act_{number % 5}",
        request=f"req_{number % 7}" if number % 7 else None,
        approval=f"apr_{number % 4}",
        subject=f"sub_{number % 3}",
        name=("shop.refund", "shop.credit")[number % 2],
        amount=Money(number * 100, ("USD", "EUR")[number % 2]) if number % 4 else None,
        status=("approved", "succeeded")[number % 2],
        rule=("small", "manager")[number % 2],
        digest=f"{number:02x}" * 32,
        data=data_of(number),
    )


def data_of(number: int) -> dict[str, Json]:
    """What else the entry says: a decision on each third one, an outcome, and some texts."""
    data: dict[str, Json] = {"note": f"Straße {number} of the café, re_{number:04d}"}
    if number % 3 == 1:
        data["decision"] = "approve"
    if number % 5 == 0:
        data |= {"outcome": "ask", "told": ["the charge was disputed", {"by": "by the bank"}]}
    return data


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A store with `COUNT` entries, one a day from the start of the fake clock."""

    store: SqliteStore
    index: LogIndex | None

    async def about(self, query: Query, limit: int = MAX_PAGE) -> list[int]:
        """The indexes of what fits, newest first, collected page by page."""
        found: list[int] = []
        before: int | None = None
        while page := await self._page(query, limit, before):
            assert len(page) <= limit
            found += page
            before = page[-1]
        return found

    async def _page(self, query: Query, limit: int, before: int | None) -> list[int]:
        stored = await self.store.read(
            lambda reader: read_page(
                reader, MAIN, query, limit=limit, before=before, index=self.index
            )
        )
        return [one.seq for one in stored]


@pytest.fixture(params=["no index", "half an index", "a whole index"])
async def asked(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncGenerator[Asked]:
    """The log that is asked; another tenant's has the same entries."""
    store = SqliteStore(tmp_path / "log.db", create=True)
    clock = FakeClock()
    log = AuditLog("test", Ed25519Signer.generate("test"), clock)

    def add(tx: Transaction) -> None:
        for number in range(COUNT):
            append_alone(log, tx, MAIN, entry(number))
            append_alone(log, tx, Tenant("other"), entry(number))
            clock.advance(days=1)

    await store.write(add)
    covered = {"no index": None, "half an index": COUNT // 2, "a whole index": COUNT}[request.param]
    index = None if covered is None else LogIndex(None, MAIN)
    if index is not None and covered is not None:
        filled = index
        assert await store.read(lambda reader: filled.fill(reader, covered)) == 0
    yield Asked(store=store, index=index)
    if index is not None:
        index.close()
    await store.close()


FITS: list[tuple[str, Callable[[int], bool]]] = [
    ("", lambda n: True),
    ("actor:maria", lambda n: n % 2 == 0),
    ("actor:person:finn", lambda n: n % 2 == 1),
    ("actor:service:finn", lambda n: False),
    ("actor:agent:", lambda n: False),
    ("approver:finn", lambda n: n % 3 == 1 and n % 2 == 1),
    ("approver:finn amount:>10EUR", lambda n: n > 10 and n % 6 == 1 and n % 4 != 0),
    ("outcome:ask", lambda n: n % 5 == 0),
    ("outcome:succeeded", lambda n: n % 2 == 1),
    ("outcome:compensated", lambda n: False),
    ("disputed", lambda n: n % 5 == 0),
    ("DISPUTED status:succeeded", lambda n: n % 10 == 5),
    ("disput*", lambda n: n % 5 == 0),
    ("disput", lambda n: False),
    ("'was disputed'", lambda n: n % 5 == 0),
    ("'disputed was'", lambda n: False),
    ("'disputed by'", lambda n: False),
    ("text:re_0007", lambda n: n == 7),
    ("strasse 12", lambda n: n == 12),
    ("caf*", lambda n: True),
    ("café re", lambda n: True),
    ("sub_0", lambda n: False),
    ("kind:action.approved", lambda n: n % 3 == 1),
    ("name:shop.refund", lambda n: n % 2 == 0),
    ("status:succeeded", lambda n: n % 2 == 1),
    ("rule:manager", lambda n: n % 2 == 1),
    ("digest:0a0a0a", lambda n: n == 10),
    ("digest:" + "0b" * 32, lambda n: n == 11),
    ("action:act_3", lambda n: n % 5 == 3),
    ("request:req_2", lambda n: n % 7 == 2),
    ("approval:apr_1", lambda n: n % 4 == 1),
    ("customer:sub_2", lambda n: n % 3 == 2),
    ("amount:3.00EUR", lambda n: n == 3),
    ("amount:>10USD", lambda n: n > 10 and n % 2 == 0 and n % 4 != 0),
    ("amount:<10.00EUR", lambda n: n < 10 and n % 2 == 1),
    ("amount:2..10USD", lambda n: 2 <= n <= 10 and n % 2 == 0 and n % 4 != 0),
    ("created:2026-11-25", lambda n: n == 0),
    ("created:2026-11-27..2026-11-30", lambda n: 2 <= n <= 5),
    ("created:2026-12-25..", lambda n: n >= 30),
    ("created:..2026-11-30", lambda n: n <= 5),
    ("actor:maria kind:action.pending customer:sub_0", lambda n: n % 6 == 0),
    ("action:act_1 status:approved amount:>20USD", lambda n: n == 26),
    ("actor:nobody", lambda n: False),
    ("'actor:maria' \"rule:small\"", lambda n: n % 2 == 0),
]


@pytest.mark.parametrize("limit", [1, 7, MAX_PAGE])
async def test_each_qualifier_finds_exactly_what_fits(asked: Asked, limit: int) -> None:
    """Pages of any size hold all that fits, newest first, nothing twice, nobody else's."""
    for words, fits in FITS:
        expected = [number for number in reversed(range(COUNT)) if fits(number)]
        assert await asked.about(parse_query(words), limit) == expected, words


async def test_a_page_goes_on_where_the_one_before_ended_while_the_log_grows(asked: Asked) -> None:
    """Keyset paging: what is appended meanwhile shifts nothing."""
    log = AuditLog("test", Ed25519Signer.generate("test"), FakeClock())
    query = parse_query("actor:maria")
    first = await asked.store.read(lambda reader: read_page(reader, MAIN, query, limit=5))
    with pytest.raises(SaysoError):  # a foreign key signs nothing: the log stays what it was
        await asked.store.write(lambda tx: log.append(tx, MAIN, entry(0)))
    second = await asked.store.read(
        lambda reader: read_page(reader, MAIN, query, limit=5, before=first[-1].seq)
    )
    assert [one.seq for one in (*first, *second)] == list(range(38, 18, -2))


REFUSED = {
    "acter:maria": "did you mean `actor:`?",
    "amout:>5USD": "did you mean `amount:`?",
    "subject:cus_1": "use actor",
    "!!": "a word of letters or digits",
    "text:": "a word of letters or digits",
    "kind:action.aproved": "`kind:action.approved`",
    "kind:x": "use kind: with log.opened",
    "outcome:succeded": "`outcome:succeeded`",
    "actor:": "behind `actor:`",
    ":maria": "use actor",
    "zzz:1": "use actor",
    'actor:"maria': "close the quotation marks",
    "digest:0a": "6 to 64 hex digits",
    "digest:0A0A0A": "6 to 64 hex digits",
    "digest:" + "a" * 65: "6 to 64 hex digits",
    "digest:0a0a0%": "6 to 64 hex digits",
    "amount:100": "amount:>100.00USD",
    "amount:USD": "amount:>100.00USD",
    "amount:>=100USD": "amount:>100.00USD",
    "amount:-5USD": "amount:>100.00USD",
    "amount:>10..20USD": "amount:>100.00USD",
    "amount:1.2.3USD": "amount:>100.00USD",
    "amount:..USD": "amount:>100.00USD",
    "amount:20..10USD": "smaller first",
    "created:yesterday": "created:2026-11-01",
    "created:2026-13-01": "created:2026-11-01",
    "created:2026-02-30": "created:2026-11-01",
    "created:2026-11-1": "created:2026-11-01",
    "created:٢٠٢٦-11-01": "created:2026-11-01",
    "created:..": "created:2026-11-01",
    "created:2026-11-24..2026-11-01": "earlier first",
    "actor:maria actor:finn": "once",
    "amount:>1USD amount:<5EUR": "once",
    "created:2026-11-01.. created:..2026-11-24": "once",
    "actor:\ud800": "lone surrogates",
}


@pytest.mark.parametrize("words", REFUSED, ids=repr)
def test_what_is_no_query_is_refused_with_the_next_step(words: str) -> None:
    """Never a query that silently asks for something else."""
    with pytest.raises(RefusedError) as refused:
        parse_query(words)
    assert refused.value.code is Code.INVALID_INPUT
    assert REFUSED[words] in refused.value.next_step


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("kind:nope", "`kind:` cannot look for `nope`"),
        ("outcome:", "`outcome:` cannot look for nothing"),
        ("created:yesterday", "`created:` cannot look for `yesterday`"),
        ("kinds:action.asked", "`kinds:action.asked` is no part of a query"),
        ("actor:maria actor:finn", "`actor:` stands twice in the query"),
    ],
)
def test_only_what_is_wrong_is_said_to_be(words: str, message: str) -> None:
    """A qualifier that there is and a value that there is not are two different mistakes."""
    with pytest.raises(RefusedError) as refused:
        parse_query(words)
    assert refused.value.message == message


@pytest.mark.parametrize("words", ["amount:<1.5JPY", "amount:>1.001USD", "amount:5QQQ"])
def test_what_is_no_money_is_refused_as_such(words: str) -> None:
    """Each currency has its own decimals (ISO 4217)."""
    with pytest.raises(RefusedError) as refused:
        parse_query(words)
    assert refused.value.code is Code.INVALID_MONEY


@given(st.text(max_size=60) | st.from_regex(r"(amount|created|digest|actor):[ -~]{0,20}"))
def test_no_words_break_the_reader(words: str) -> None:
    """Whatever is typed is a query or is refused."""
    with suppress(RefusedError):
        assert isinstance(parse_query(words), Query)


@pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1])
async def test_a_page_of_no_or_too_many_entries_is_refused(asked: Asked, limit: int) -> None:
    """A page is bounded, whoever asks."""
    with pytest.raises(RefusedError, match="a page has"):
        await asked.store.read(lambda reader: read_page(reader, MAIN, Query(), limit=limit))


@pytest.mark.parametrize("before", [2**63, 10**30])
async def test_an_index_behind_every_log_is_the_end_of_it(asked: Asked, before: int) -> None:
    """An index that no database holds is behind every entry, and breaks nothing."""
    found = await asked.store.read(
        lambda reader: read_page(reader, MAIN, Query(), limit=1, before=before)
    )
    assert [one.seq for one in found] == [COUNT - 1]


def test_days_are_utc_and_whole() -> None:
    """From the first microsecond of the first day to the last of the last."""
    query = parse_query("created:2026-11-24..2026-11-25")
    assert query.at_from == to_micros(datetime(2026, 11, 24, tzinfo=UTC))
    assert query.at_to == to_micros(datetime(2026, 11, 26, tzinfo=UTC))

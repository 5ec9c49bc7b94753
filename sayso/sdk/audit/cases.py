"""`sayso.audit.cases`: who decided about what for whom, found by name, and all that proves it.

Names are personal: they stand in rows beside the log, and go with their customer. So what is looked
for is compared with the rows that are left, never kept, and that somebody looked is an entry before
anybody is told.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from sayso.actions.model.action_row import ActionRow, get_action, read_action
from sayso.agent.request_row import get_request
from sayso.audit.entry import Entry, EntryKind, Json, StoredEntry
from sayso.audit.queries.query import Query
from sayso.audit.tree.proof import EntryProof
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, rfc3339
from sayso.money import Money
from sayso.sdk.audit.case_words import CaseWords, folded, read_case_words
from sayso.sdk.container import Container
from sayso.sdk.resources.base import Resource
from sayso.sdk.resources.tokens import Scope, Token
from sayso.sdk.views.base import View
from sayso.sdk.views.presenters import show_entry
from sayso.sdk.views.rows import EntryView
from sayso.sdk.words.solution import name_of
from sayso.store.base import Reader, Transaction, integer, text

MOST_FOUND = 50
MOST_LOOKED_AT = 20_000
"""So many actions are looked at, the newest first; more days are more searches."""
_PAGE = 500
_MOST_ENTRIES = 1000

ProvenPage = Callable[[Tenant, Query, int], Awaitable[tuple[list[StoredEntry], list[EntryProof]]]]
"""Entries with their proofs against the signed head, newest first."""


class CaseRowView(View):
    """A case that fits.

    Attributes:
        about: the request, or the action that nobody asked for in words.
        by: who decided, each once; empty where nobody was asked. at: when it was decided.
        totals: of its steps, by currency. statuses: of its steps, in their order.
    """

    about: str
    customer: str
    what: tuple[str, ...]
    by: tuple[str, ...]
    at: str
    totals: tuple[Money, ...]
    statuses: tuple[str, ...]


class CasesFoundView(View):
    """What was found.

    Attributes:
        chips: how the words were read. looked_at: so many actions were looked at.
        more: not all were looked at, or more fit than are here; fewer days show them.
        entry: the log's entry that says that somebody looked.
    """

    items: tuple[CaseRowView, ...]
    chips: tuple[str, ...]
    looked_at: int
    more: bool
    entry: int


class CaseView(View):
    """All that the log proves of a case.

    Attributes:
        entries: in the order of the log, each with its proof against the signed head.
        size: of that head. policy: the entry that put the version in force by which it was judged.
        people: of each who decided, the entry that gave them their role then.
        erased: the entry by which its customer was erased; None while they are not.
        entry: the log's entry that says that somebody opened it.
    """

    about: str
    actions: tuple[str, ...]
    entries: tuple[EntryView, ...]
    size: int
    policy: EntryView | None
    people: dict[str, EntryView]
    erased: EntryView | None
    entry: int


@dataclass(slots=True)
class _Case:
    rows: list[ActionRow] = field(default_factory=list[ActionRow])
    by: list[str] = field(default_factory=list[str])
    at: int = 0


class CaseResource(Resource):
    """Finds and shows cases; whoever looks needs the scope `audit:read`."""

    def __init__(self, container: Container, page: ProvenPage) -> None:
        super().__init__(container)
        self._page = page

    async def find(self, words: str, *, by: Token, via: str = "sdk") -> CasesFoundView:
        """Cases by a customer's name, an order, an amount, who decided, and when.

        Args:
            words: see `read_case_words`; they are kept nowhere.
            by: who looks; recorded, with how many were found.

        Raises:
            RefusedError: `forbidden`, `invalid_input`.
        """
        _check(by)
        wanted = read_case_words(words, self._container.clock.now())
        found, looked = await self._container.store.read(
            lambda reader: _found(reader, by.tenant, wanted)
        )
        data: dict[str, Json] = {
            "by": "name",
            "found": len(found),
            "via": via,
            "credential": by.id,
        }
        entry = Entry(kind=EntryKind.CUSTOMER_SEARCHED, actor=by.actor, data=data)
        # INVARIANT: nobody is told who it is before it is committed that they looked.
        seq = await self._container.store.write(
            lambda tx: self._container.log.append(tx, by.tenant, entry)
        )
        return CasesFoundView(
            items=tuple(_row(about, one) for about, one in found[:MOST_FOUND]),
            chips=wanted.chips,
            looked_at=looked,
            more=len(found) > MOST_FOUND or looked >= MOST_LOOKED_AT,
            entry=seq,
        )

    async def show(self, about: str, *, by: Token) -> CaseView:
        """Everything that the log holds of a case, each entry proven against the signed head.

        Args:
            about: `req_…` or `act_…`. by: who opens it; recorded, since it shows personal words.

        Raises:
            RefusedError: `forbidden`, `not_found`.
            IntegrityError: `tampered`, when the log does not fit its head.
        """
        _check(by)
        where = by.tenant

        def record(tx: Transaction) -> tuple[list[str], int]:
            if about.startswith("req_"):
                get_request(tx, where, about)
                rows = tx.all("action.by_request", tenant=where, request_id=about)
                actions = [text(row, "id") for row in rows]
            else:
                actions = [get_action(tx, where, about).id]
            data: dict[str, Json] = {"query": _asked_for(about), "case": about, "unmasked": True}
            entry = Entry(kind=EntryKind.AUDIT_QUERIED, actor=by.actor, data=data)
            return actions, self._container.log.append(tx, where, entry)

        actions, opened = await self._container.store.write(record)
        query = Query(request=about) if about.startswith("req_") else Query(action=about)
        page = partial(self._proven, where)
        entries = await page(query)
        number = next(
            (one.body["data"]["policy"] for one in entries if "policy" in one.body.get("data", {})),
            None,
        )
        versions = await page(Query(kind=EntryKind.POLICY_ACTIVATED.value))
        people = [
            one
            for kind in (EntryKind.PERSON_ADDED, EntryKind.PERSON_CHANGED)
            for one in await page(Query(kind=kind.value))
        ]
        decided = [one for one in entries if "decision" in one.body.get("data", {})]
        subject = next((one.body["subject"] for one in entries if "subject" in one.body), None)
        erased: list[EntryView] = []
        if subject is not None:
            erased = await page(Query(kind=EntryKind.SUBJECT_ERASING.value, subject=str(subject)))
        head = await self._container.store.read(lambda reader: reader.one("log.head", tenant=where))
        return CaseView(
            about=about,
            actions=tuple(actions),
            entries=tuple(entries),
            size=0 if head is None else integer(head, "size"),
            policy=next((v for v in versions if v.body["data"].get("version") == number), None),
            people=dict(_known_then(decided, people)),
            erased=next(iter(erased), None),
            entry=opened,
        )

    async def _proven(self, tenant: Tenant, query: Query) -> list[EntryView]:
        """Oldest first."""
        found, proofs = await self._page(tenant, query, _MOST_ENTRIES)
        views = [
            show_entry(stored).model_copy(update={"proof": proof.text()})
            for stored, proof in zip(found, proofs, strict=True)
        ]
        return views[::-1]


def _known_then(
    decided: list[EntryView], people: list[EntryView]
) -> Iterator[tuple[str, EntryView]]:
    for one in decided:
        person = one.actor.partition(":")[2]
        before = [
            known
            for known in people
            if known.seq < one.seq and known.body["data"].get("person") == person
        ]
        if before:
            yield person, max(before, key=lambda known: known.seq)


def _asked_for(about: str) -> str:
    return f"{'request' if about.startswith('req_') else 'action'}:{about}"


def _check(by: Token) -> None:
    if Scope.AUDIT not in by.scopes:
        raise RefusedError(
            Code.FORBIDDEN,
            "this token does not open the log",
            next_step="use one with the scope `audit:read`",
        )


def _found(
    reader: Reader, tenant: Tenant, wanted: CaseWords
) -> tuple[list[tuple[str, _Case]], int]:
    cases: dict[str, _Case] = {}
    before, looked = "~", 0
    while looked < MOST_LOOKED_AT:
        rows = reader.all(
            "action.of_cases",
            tenant=tenant,
            before=before,
            since=wanted.since,
            until=wanted.until,
            limit=_PAGE,
        )
        for row in map(read_action, rows):
            cases.setdefault(row.request_id or row.id, _Case()).rows.insert(0, row)
            before, looked = row.id, looked + 1
        if len(rows) < _PAGE:
            break
    return [
        (about, one) for about, one in cases.items() if _fits(reader, about, one, wanted)
    ], looked


def _fits(reader: Reader, about: str, case: _Case, wanted: CaseWords) -> bool:
    if any(not _has_amount(case, amount) for amount in wanted.amounts):
        return False
    if any(
        not (_has_amount(case, Decimal(number)) or _has_number(case, number))
        for number in wanted.numbers
    ):
        return False
    votes = [
        vote
        for row in case.rows
        for vote in reader.all("approval.votes_of_action", tenant=row.tenant, action_id=row.id)
        if integer(vote, "revision") == row.revision  # else taken back, or of another card
    ]
    case.by = list(dict.fromkeys(text(vote, "person") for vote in votes))
    last = max(row.updated_at for row in case.rows)
    case.at = max((integer(vote, "at") for vote in votes), default=last)
    if not wanted.since <= case.at < wanted.until:
        return False
    texts = folded(" ".join([about, *case.by, *_texts(case)]))
    return all(word in texts for word in wanted.words)


def _has_amount(case: _Case, amount: object) -> bool:
    steps = [row.amount for row in case.rows if row.amount is not None]
    return any(one.decimal == amount for one in (*steps, *_totals(case)))


def _has_number(case: _Case, number: str) -> bool:
    """Whether a number stands by itself in what was read, such as an order's; no part of a sum."""
    alone = re.compile(rf"(?<![\w$€£¥.,-]){number}(?![\w€£¥]|[.,-]\d)")
    return any(alone.search(one) for one in _texts(case))


def _texts(case: _Case) -> Iterator[str]:
    yield name_of(case.rows)
    for row in case.rows:
        yield f"{row.id} {row.name} {row.subject.id}"
        if row.receipt is not None:
            yield row.receipt.id
        if row.snapshot is not None:
            yield from row.snapshot.resolved.fields.values()


def _totals(case: _Case) -> tuple[Money, ...]:
    found: dict[str, Money] = {}
    for row in case.rows:
        if row.amount is not None:
            before = found.get(row.amount.currency)
            found[row.amount.currency] = row.amount if before is None else before + row.amount
    return tuple(found.values())


def _row(about: str, case: _Case) -> CaseRowView:
    return CaseRowView(
        about=about,
        customer=name_of(case.rows),
        what=tuple(_what(row) for row in case.rows),
        by=tuple(case.by),
        at=rfc3339(case.at),
        totals=_totals(case),
        statuses=tuple(row.status.value for row in case.rows),
    )


def _what(row: ActionRow) -> str:
    kind = row.name.rpartition(".")[2].replace("_", " ")
    shown = () if row.snapshot is None else row.snapshot.resolved.fields.values()
    first = next(iter(shown), "")
    return f"{kind}: {first}" if first else kind

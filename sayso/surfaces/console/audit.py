"""The audit explorer: a question in the query language, and the entries that answer it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from sayso.actions.model.status import Status
from sayso.audit.entry import EntryKind
from sayso.audit.queries.sentence import parts_of, title_of
from sayso.audit.verifier.verification import Finding
from sayso.errors import IntegrityError, RefusedError
from sayso.money import Money
from sayso.sdk.localization.languages import Language
from sayso.sdk.views.rows import EntryView
from sayso.surfaces.console.edge import read_form
from sayso.surfaces.console.export import FORMATS
from sayso.surfaces.console.saved import QUESTIONS, keep, saved_by
from sayso.surfaces.console.visit import Visit

PAGE_SIZE = 50
SAVED = (
    ("Decisions by people", "kind:action.approved"),
    ("Money above {money}", "amount:>100USD"),
    ("Refused clicks", "kind:approval.refused"),
    ("Unknown outcomes", "kind:action.unknown"),
    ("Exports", "kind:audit.exported"),
)
WORDS = (
    ("actor:", "who did it, such as actor:maria"),
    ("approver:", "whose decision it was"),
    ("action:", "about this action"),
    ("request:", "about this request"),
    ("approval:", "about this approval"),
    ("customer:", "about this customer, by their id or the log's pseudonym"),
    ("name:", "about this kind of action, such as name:stripe.refund"),
    ("kind:", "of this kind, such as kind:action.succeeded"),
    ("status:", "that gave the action this status"),
    ("outcome:", "allow, ask, deny, or how it ended"),
    ("rule:", "that this rule decided"),
    ("digest:", "with this snapshot, from 6 digits on"),
    ("amount:", "about this much money, such as amount:>100USD or amount:10..20EUR"),
    ("created:", "of these days in UTC, such as created:2026-11-01..2026-11-24"),
)
_VALUES: Mapping[str, Sequence[str]] = {
    "kind:": [kind.value for kind in EntryKind],
    "status:": [status.value for status in Status],
    "outcome:": ["allow", "ask", "deny"],
}
"""What a browser completes behind a word; every other value is the customer's or the provider's."""
_CHIPS: Mapping[str, str] = {
    "actor": "done by {value}",
    "approver": "decided by {value}",
    "action": "about the action {value}",
    "request": "about the request {value}",
    "approval": "about the approval {value}",
    "customer": "about the customer {value}",
    "name": "of the kind {value}",
    "status": "with the status {value}",
    "outcome": "with the outcome {value}",
    "rule": "by the rule {value}",
    "digest": "with the digest {value}",
    "amount": "amount {value}",
}
_QUALIFIER = re.compile(r"(?P<name>[a-z]+):(?P<value>\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One entry as a row; `body` are its bytes, to be read."""

    seq: int
    at: str
    what: str
    says: Sequence[str]
    kind: str
    customer: str
    amount: Money | None
    rule: str
    by: str
    action: str
    leaf: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """What a question came to.

    Attributes:
        chips: the question in plain words; the days are always among them.
        total: of the money on this page, by currency. next: the query of the next page.
        accused: the log does not verify, so that the question cannot be recorded.
        why: no entry fits.
    """

    rows: tuple[LogRow, ...]
    chips: tuple[str, ...]
    next: str
    asked: str
    problem: str = ""
    next_step: str = ""
    accused: bool = False
    why: str = ""


async def show_audit(visit: Visit) -> Response:
    """The page."""
    query = visit.request.query_params
    words, before = query.get("q", "")[:500], query.get("before", "")
    found = await _find(visit, words, before)
    checkpoint = await visit.sayso.audit.checkpoint()
    size = int(checkpoint.splitlines()[1])
    verified = await _verified(visit) if query.get("verify") else None
    page, reader = visit.page("Audit", "audit"), visit.times.language
    return visit.show(
        "audit.html",
        page,
        status=422 if found.problem else 200,
        words=words,
        found=found,
        size=size,
        vouched=await _vouched(visit),
        verified=verified,
        saved=[
            (reader.phrase(name, money=reader.money(Money(10_000, "USD"))), query)
            for name, query in SAVED
        ],
        own=saved_by(visit, QUESTIONS),
        help=WORDS,
        completed=orjson.dumps([[word, _VALUES.get(word, [])] for word, _ in WORDS]).decode(),
        formats=FORMATS,
        questions=visit.sayso.audit.questions(),
    )


async def save(visit: Visit) -> Response:
    """Keep a question under a name in this browser, or forget it."""
    form = await read_form(visit.request)
    words = form.one("q").strip()[:300]
    return keep(visit, QUESTIONS, form, visit.see(f"audit?{urlencode({'q': words})}"))


async def _verified(visit: Visit) -> Mapping[str, Any]:
    """Verify the whole log now; the browser waits for it."""
    tenant = visit.sayso.tenant
    result = await run_in_threadpool(lambda: visit.sayso.audit.verify(tenant=tenant))
    return {
        "ok": result.exit_status == 0,
        "problems": [_problem(found, visit.times.language) for found in result.all_findings[:5]],
    }


def _problem(found: Finding, reader: Language) -> str:
    """One sentence, with the entries that it can be about."""
    said = reader.say(found.message)
    if found.seq is None:
        return f"{said}."
    first, last = found.seq, found.seq if found.last_seq is None else found.last_seq
    if first == last:
        where = reader.say(f"entry {first:,}")
    else:
        number1, number2 = reader.number(first), reader.number(last)
        where = reader.phrase("entries {number1} to {number2}", number1=number1, number2=number2)
    return reader.phrase("{line1}: {line2}.", line1=where, line2=said)


async def _vouched(visit: Visit) -> tuple[str, ...]:
    """What witnesses say of the log, one sentence each."""
    from sayso.sdk.audit.publishing import read_publications

    places = await read_publications(visit.sayso, visit.sayso.tenant)
    reader = visit.times.language
    return tuple(
        reader.phrase(
            "{place} vouches for the entries 0 to {number}",
            place=place.place,
            number=reader.number(place.size - 1),
        )
        for place in places
        if place.size
    )


async def _find(visit: Visit, words: str, before: str) -> QueryResult:
    start = int(before) if before.isascii() and before.isdecimal() and len(before) < 16 else None
    try:
        entries = await visit.sayso.audit.query(
            words, limit=PAGE_SIZE, before=start, by=visit.session.token.actor
        )
    except (RefusedError, IntegrityError) as error:
        return QueryResult(
            rows=(),
            chips=(),
            next="",
            asked=words,
            problem=error.message,
            next_step=error.next_step,
            accused=isinstance(error, IntegrityError),
        )
    more = len(entries) == PAGE_SIZE
    why = "" if entries or start is not None else await visit.sayso.audit.why_nothing(words)
    last = urlencode({"q": words, "before": entries[-1].seq}) if more else ""
    return QueryResult(
        rows=tuple(map(_row, entries)),
        chips=_chips(words, visit.times.language),
        next=last,
        asked=words,
        why=why,
    )


def _chips(words: str, reader: Language) -> tuple[str, ...]:
    """The question in plain words; nothing is left out silently, so the days are always said."""
    said: list[str] = []
    days = reader.say("of all days")
    for found in _QUALIFIER.finditer(words):
        name, value = found["name"], found["value"]
        if name == "created":
            days = _days(value, reader)
        elif name == "kind":
            said.append(reader.say(title_of(value)))
        else:
            chip = _CHIPS.get(name)
            said.append(f"{name} {value}" if chip is None else reader.phrase(chip, value=value))
    rest = _QUALIFIER.sub("", words).split()
    if rest:
        said.append(reader.phrase("with the words {words}", words=" ".join(rest)))
    return (*said, days)


def _days(value: str, reader: Language) -> str:
    first, dots, last = value.partition("..")
    last = last if dots else first
    if not last:
        return reader.phrase("from {first} on, UTC", first=first)
    if not first:
        return reader.phrase("to {last}, UTC, both included", last=last)
    return reader.phrase("from {first} to {last}, UTC, both included", first=first, last=last)


def _row(entry: EntryView) -> LogRow:
    body = entry.body
    amount = body.get("amount")
    data = body.get("data", {})
    approvers = data.get("approvers", [])
    by = ", ".join(approvers) if approvers else entry.actor.partition(":")[2]
    return LogRow(
        seq=entry.seq,
        at=entry.at,
        what=title_of(entry.kind),
        says=parts_of(body),
        kind=entry.kind,
        customer=str(body.get("subject", "")),
        amount=None if amount is None else Money.from_json(amount),
        rule=str(body.get("rule", "")).replace(",", ", "),
        by=by,
        action=str(body.get("action", "")),
        leaf=entry.leaf,
        body=orjson.dumps(body, option=orjson.OPT_INDENT_2).decode(),
    )

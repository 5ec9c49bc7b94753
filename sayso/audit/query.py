"""Asking the log: qualifiers such as `actor:maria amount:>100USD`, newest entries first."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sayso.audit.entry import MAX_INT, StoredEntry
from sayso.errors import Code, RefusedError
from sayso.ids import Tenant, to_micros
from sayso.money import Money
from sayso.store.base import Reader, SqlValue, text

MAX_PAGE = 1000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_AMOUNT = re.compile(rf"(?:(>|<)?({_NUMBER})|({_NUMBER})\.\.({_NUMBER}))([A-Z]{{3}})")
_PLAIN = re.compile(r"[A-Za-z0-9_.:<>-]{1,80}")
_DAY_MICROS = timedelta(days=1) // timedelta(microseconds=1)
_DIGEST = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an auditor asks for; everything that is given must hold.

    Attributes:
        action, request, approval: ids.
        subject: the customer's pseudonym, `sub_…`.
        kind, actor, name, status, rule: exactly.
        digest: its first digits, 6 to 64.
        currency, amount_from, amount_to: minor units, both ends included.
        at_from, at_to: microseconds since 1970; from included, to excluded.
    """

    action: str | None = None
    request: str | None = None
    approval: str | None = None
    subject: str | None = None
    kind: str | None = None
    actor: str | None = None
    name: str | None = None
    status: str | None = None
    rule: str | None = None
    digest: str | None = None
    currency: str | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    at_from: int | None = None
    at_to: int | None = None


def parse_query(words: str) -> Query:
    """Read the qualifiers of a query.

    Args:
        words: `qualifier:value` separated by blanks; quotes hold blanks together. The qualifiers:
            `actor kind name status rule digest action request approval customer amount created`.
            `amount:>100.00USD` (also `<`, `..`), `created:2026-11-01..2026-11-24` in UTC days.
            Each qualifier stands once, since all that is given must hold.

    Raises:
        RefusedError: `invalid_input`, naming the word, with what is near it.
    """
    query = Query()
    try:
        words.encode()
        parts = shlex.split(words)
    except UnicodeEncodeError as error:
        raise _bad(ascii(words), "remove the lone surrogates") from error
    except ValueError as error:
        raise _bad(words, str(error)) from error
    seen: set[str] = set()
    for part in parts:
        qualifier, colon, value = part.partition(":")
        reader = _QUALIFIERS.get(qualifier)
        if not colon or not value or reader is None:
            near = difflib.get_close_matches(qualifier, _QUALIFIERS, 1)
            hint = f"did you mean `{near[0]}:`?" if near else "use " + " ".join(_QUALIFIERS)
            raise _bad(part, hint)
        if qualifier in seen:
            raise _bad(part, f"write `{qualifier}:` once; ranges are written with `..`")
        seen.add(qualifier)
        query = reader(query, value)
    return query


def loggable(words: str, subject: str | None) -> str:
    """A query as the log may keep it for ever: no customer's id, no address, no free text.

    Args:
        words: a query that `parse_query` accepts.
        subject: the pseudonym of the customer it names; None when the log knows no such customer.

    Returns:
        The same words, with the pseudonym for the customer and `…` for a value that is no plain
        name, number, day or id.
    """
    told: list[str] = []
    for part in shlex.split(words):
        qualifier, _, value = part.partition(":")
        if qualifier == "customer":
            value = subject or "unknown"
        elif not _PLAIN.fullmatch(value):
            value = "…"
        told.append(f"{qualifier}:{value}")
    return " ".join(told)[:500]


def read_page(
    reader: Reader, tenant: Tenant, query: Query, *, limit: int, before: int | None = None
) -> list[StoredEntry]:
    """A page of entries, newest first.

    Args:
        limit: 1 to 1000.
        before: the index of the last entry of the page before.

    Raises:
        RefusedError: `invalid_input`, for another limit.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise RefusedError(Code.INVALID_INPUT, f"a page has 1 to {MAX_PAGE} entries")
    params: dict[str, SqlValue] = {
        name: getattr(query, name) for name in Query.__dataclass_fields__
    }
    params["digest"] = None if query.digest is None else f"{query.digest}*"
    statement = "log.page"
    for name in ("action", "request", "subject", "kind"):
        if params[name] is not None:
            statement = f"log.page_by_{name}"
            break
    if before is not None:
        before = min(before, MAX_INT)  # no database has more, and none takes much larger numbers
    rows = reader.all(statement, tenant=tenant, before=before, limit=limit, **params)
    return [StoredEntry.read(text(row, "body").encode()) for row in rows]


def _plain(field: str) -> Callable[[Query, str], Query]:
    def read(query: Query, value: str) -> Query:
        known: dict[str, Any] = {field: value}
        return replace(query, **known)

    return read


def _actor(query: Query, value: str) -> Query:
    return replace(query, actor=value.rpartition(":")[2])


def _digest(query: Query, value: str) -> Query:
    if not _DIGEST.fullmatch(value):
        raise _bad(f"digest:{value}", "give 6 to 64 hex digits")
    return replace(query, digest=value)


def _amount(query: Query, value: str) -> Query:
    """`>100.00USD`, `<20EUR`, `10..20USD` or `129.00USD`, in major units."""
    match = _AMOUNT.fullmatch(value)
    if match is None:
        raise _bad(f"amount:{value}", "write amount:>100.00USD or amount:10..20USD")
    sign, one, first, last, currency = match.groups()
    low = Money.parse(one or first, currency).amount_minor
    if last is not None:
        high = Money.parse(last, currency).amount_minor
        if high < low:
            raise _bad(f"amount:{value}", "write the smaller first")
        return replace(query, currency=currency, amount_from=low, amount_to=high)
    match sign:
        case ">":
            return replace(query, currency=currency, amount_from=low + 1)
        case "<":
            return replace(query, currency=currency, amount_to=low - 1)
        case _:
            return replace(query, currency=currency, amount_from=low, amount_to=low)


def _created(query: Query, value: str) -> Query:
    first, dots, last = value.partition("..")
    begin = to_micros(_day(first)) if first or not last else None
    end = to_micros(_day(last or first)) + _DAY_MICROS if last or not dots else None
    if begin is not None and end is not None and end <= begin:
        raise _bad(f"created:{value}", "write the earlier first")
    return replace(query, at_from=begin, at_to=end)


def _day(value: str) -> datetime:
    try:
        if not _DATE.fullmatch(value):
            raise ValueError(value)
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise _bad(f"created:{value}", "write created:2026-11-01..2026-11-24") from error


def _bad(part: str, hint: str) -> RefusedError:
    return RefusedError(Code.INVALID_INPUT, f"`{part[:60]}` is no part of a query", next_step=hint)


_QUALIFIERS: dict[str, Callable[[Query, str], Query]] = {
    "actor": _actor,
    "kind": _plain("kind"),
    "name": _plain("name"),
    "status": _plain("status"),
    "rule": _plain("rule"),
    "digest": _digest,
    "action": _plain("action"),
    "request": _plain("request"),
    "approval": _plain("approval"),
    "customer": _plain("subject"),
    "amount": _amount,
    "created": _created,
}

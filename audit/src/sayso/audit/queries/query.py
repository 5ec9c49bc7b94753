"""What an auditor can ask for: qualifiers such as `actor:maria amount:>100USD`, and words."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sayso.audit.entry import ActorKind, EntryKind
from sayso.audit.event import texts_of as names_in
from sayso.audit.fields import Fields, object_in, text_or_none
from sayso.audit.queries.words import Phrase, texts_of, words_of
from sayso.audit.verifier.walk import is_about_action
from sayso.errors import Code, RefusedError
from sayso.ids import to_micros
from sayso.money import Money

ENDS = frozenset("succeeded failed unknown refused rejected expired stale compensated".split())
"""What `outcome:` finds beside the outcomes of a judgement: `unknown` and `stale` are no ends, but
what somebody who asks for outcomes wants to hear of."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_AMOUNT = re.compile(rf"(?:(>|<)?({_NUMBER})|({_NUMBER})\.\.({_NUMBER}))([A-Z]{{3}})")
_PLAIN = re.compile(r"[A-Za-z0-9_.:<>-]{1,80}")
_DAY_MICROS = timedelta(days=1) // timedelta(microseconds=1)
_SAME = ("action", "request", "approval", "subject", "kind", "name", "status")
_DIGEST = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What an auditor asks for; everything that is given must hold.

    Attributes:
        action, request, approval: ids.
        subject: the customer's pseudonym, `sub_…`.
        kind, actor, name, status: exactly.
        actor_kind: with `actor`: `person`, `service`, `agent` or `system`.
        rule: one of the rules that decided.
        approver: the person who decided: yes, no, or less; or on whose yes it came about.
        outcome: of the judgement (`allow`, `ask`, `deny`), or the status an action ended with.
        digest: its first digits, 6 to 64.
        currency, amount_from, amount_to: minor units, both ends included.
        at_from, at_to: microseconds since 1970; from included, to excluded.
        phrases: each must stand, as whole words one after the other, in one text of the entry.
    """

    action: str | None = None
    request: str | None = None
    approval: str | None = None
    subject: str | None = None
    kind: str | None = None
    actor: str | None = None
    name: str | None = None
    status: str | None = None
    actor_kind: str | None = None
    rule: str | None = None
    approver: str | None = None
    outcome: str | None = None
    digest: str | None = None
    currency: str | None = None
    amount_from: int | None = None
    amount_to: int | None = None
    at_from: int | None = None
    at_to: int | None = None
    phrases: tuple[Phrase, ...] = ()


def parse_query(words: str) -> Query:
    """Read the qualifiers of a query.

    Args:
        words: `qualifier:value` separated by blanks; quotes hold blanks together. The qualifiers:
            `actor approver kind name status outcome rule digest action request approval customer
            amount created text`.
            `amount:>100.00USD` (also `<`, `..`), `created:2026-11-01..2026-11-24` in UTC days,
            `actor:maria` or `actor:person:maria`.
            Each qualifier stands once, since all that is given must hold. Anything without a
            colon is looked for in the texts of the entry, and so is what `text:` gives:
            `disputed`, `disput*`, `"by the bank"`.

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
        raise _bad(words, "close the quotation marks, or leave them out") from error
    seen: set[str] = set()
    for part in parts:
        qualifier, colon, value = part.partition(":")
        if not colon or qualifier == "text":
            query = _text(query, value if colon else part)
            continue
        reader = _QUALIFIERS.get(qualifier)
        if not value and reader is not None:
            raise _bad_value(
                qualifier, "", f"write what to look for behind `{qualifier}:`, without a blank"
            )
        if reader is None:
            near = difflib.get_close_matches(qualifier, _QUALIFIERS, 1)
            hint = f"did you mean `{near[0]}:`?" if near else "use " + " ".join(_QUALIFIERS)
            raise _bad(part, hint)
        if qualifier in seen:
            raise RefusedError(
                Code.INVALID_INPUT,
                f"`{qualifier}:` stands twice in the query",
                next_step="write it once; ranges are written with `..`",
            )
        seen.add(qualifier)
        query = reader(query, value)
    return query


def parts_of(words: str) -> list[str]:
    """The parts of a query that `parse_query` accepts, each a query of its own."""
    return [shlex.quote(part) for part in shlex.split(words)]


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
        qualifier, colon, value = part.partition(":")
        if not colon or qualifier == "text":
            qualifier, value = "text", "…"  # anybody's words, so anybody's name
        elif qualifier == "customer":
            value = subject or "unknown"
        elif not _PLAIN.fullmatch(value):
            value = "…"
        told.append(f"{qualifier}:{value}")
    return " ".join(told)[:500]


def fits(query: Query, fields: Fields) -> bool:
    """Whether an entry is what is asked for.

    Args:
        fields: of the entry's body.
    """
    get = fields.get
    for name in _SAME:
        asked = getattr(query, name)
        if asked is not None and get(name) != asked:
            return False
    actor, data = object_in(fields, "actor"), object_in(fields, "data")
    return (
        (query.actor is None or actor.get("id") == query.actor)
        and (query.actor_kind is None or actor.get("kind") == query.actor_kind)
        and (query.rule is None or query.rule in rules_of(fields))
        and (query.approver is None or query.approver in approvers_of(fields))
        and (query.outcome is None or query.outcome in {data.get("outcome"), ended_as(fields)})
        and (query.digest is None or str(get("digest") or "").startswith(query.digest))
        and _within(get("at"), query.at_from, None if query.at_to is None else query.at_to - 1)
        and _amount_fits(query, object_in(fields, "amount"))
        and (not query.phrases or _has_phrases(query.phrases, fields))
    )


def rules_of(fields: Fields) -> tuple[str, ...]:
    """The rules that decided, one by one, and as the entry writes them together."""
    rule = text_or_none(fields, "rule")
    if rule is None:
        return ()
    return (rule,) if "," not in rule else (rule, *rule.split(","))


def approvers_of(fields: Fields) -> tuple[str, ...]:
    """The person whose decision an entry tells, or those on whose yes it came about."""
    if not is_about_action(fields.get("kind")):
        return ()
    actor, data = object_in(fields, "actor"), object_in(fields, "data")
    if "decision" in data and actor.get("kind") == "person":
        decided = text_or_none(actor, "id")
        return () if decided is None else (decided,)
    return names_in(data.get("approvers"))


def ended_as(fields: Fields) -> str | None:
    """The status that an action ended with, where the entry is about that."""
    status = text_or_none(fields, "status")
    return status if status in ENDS and is_about_action(fields.get("kind")) else None


def _amount_fits(query: Query, amount: Fields) -> bool:
    if query.currency is not None and amount.get("currency") != query.currency:
        return False
    return _within(amount.get("amount_minor"), query.amount_from, query.amount_to)


def _within(value: object, low: int | None, high: int | None) -> bool:
    if low is None and high is None:
        return True
    return (
        isinstance(value, int) and (low is None or value >= low) and (high is None or value <= high)
    )


def _has_phrases(phrases: Iterable[Phrase], fields: Fields) -> bool:
    texts = [words_of(one) for one in texts_of(fields)]
    return all(any(phrase.stands_in(words) for words in texts) for phrase in phrases)


def _plain(field: str) -> Callable[[Query, str], Query]:
    def read(query: Query, value: str) -> Query:
        known: dict[str, Any] = {field: value}
        return replace(query, **known)

    return read


def _one_of(field: str, known: Collection[str]) -> Callable[[Query, str], Query]:
    """A word of a closed set: another one would find nothing, and look as if nothing were there."""
    read = _plain(field)

    def read_known(query: Query, value: str) -> Query:
        if value not in known:
            near = difflib.get_close_matches(value, known, 1)
            some = f"use {field}: with {', '.join(list(known)[:_NAMED])}"
            more = f", or one of {len(known) - _NAMED} more" if len(known) > _NAMED else ""
            raise _bad_value(
                field, value, f"did you mean `{field}:{near[0]}`?" if near else some + more
            )
        return read(query, value)

    return read_known


def _actor(query: Query, value: str) -> Query:
    kind, colon, name = value.partition(":")
    if colon and kind in set(ActorKind) and name:
        return replace(query, actor=name, actor_kind=kind)
    return replace(query, actor=value)


def _text(query: Query, value: str) -> Query:
    phrase = Phrase.parse(value)
    if phrase is None:
        raise _bad(value, "give a word of letters or digits to look for")
    return replace(query, phrases=(*query.phrases, phrase))


def _digest(query: Query, value: str) -> Query:
    if not _DIGEST.fullmatch(value):
        raise _bad_value("digest", value, "give 6 to 64 hex digits")
    return replace(query, digest=value)


def _amount(query: Query, value: str) -> Query:
    """`>100.00USD`, `<20EUR`, `10..20USD` or `129.00USD`, in major units."""
    match = _AMOUNT.fullmatch(value)
    if match is None:
        raise _bad_value("amount", value, "write amount:>100.00USD or amount:10..20USD")
    sign, one, first, last, currency = match.groups()
    low = Money.parse(one or first, currency).amount_minor
    if last is not None:
        high = Money.parse(last, currency).amount_minor
        if high < low:
            raise _bad_value("amount", value, "write the smaller first")
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
        raise _bad_value("created", value, "write the earlier first")
    return replace(query, at_from=begin, at_to=end)


def _day(value: str) -> datetime:
    try:
        if not _DATE.fullmatch(value):
            raise ValueError(value)
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise _bad_value("created", value, "write created:2026-11-01..2026-11-24") from error


_NAMED = 12


def _bad_value(field: str, value: str, hint: str) -> RefusedError:
    """The qualifier is one, and its value is none that it can look for."""
    shown = f"`{value[:60]}`" if value else "nothing"
    return RefusedError(Code.INVALID_INPUT, f"`{field}:` cannot look for {shown}", next_step=hint)


def _bad(part: str, hint: str) -> RefusedError:
    return RefusedError(Code.INVALID_INPUT, f"`{part[:60]}` is no part of a query", next_step=hint)


_QUALIFIERS: dict[str, Callable[[Query, str], Query]] = {
    "actor": _actor,
    "approver": _plain("approver"),
    "kind": _one_of("kind", [kind.value for kind in EntryKind]),
    "name": _plain("name"),
    "status": _plain("status"),
    "outcome": _one_of("outcome", sorted({"allow", "ask", "deny", *ENDS})),
    "rule": _plain("rule"),
    "digest": _digest,
    "action": _plain("action"),
    "request": _plain("request"),
    "approval": _plain("approval"),
    "customer": _plain("subject"),
    "amount": _amount,
    "created": _created,
}

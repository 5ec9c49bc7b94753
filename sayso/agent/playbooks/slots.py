"""Fills a playbook's slots from the customer's words and the customer's own records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from sayso.actions.snapshot import Record
from sayso.agent.playbooks.amounts import Mention, read_amounts, read_shares, share_of
from sayso.agent.playbooks.file import ChoiceSlot, MoneySlot, ObjectSlot
from sayso.money import Money

Records = Mapping[str, Record]
"""The customer's records by handle, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a slot stays empty, in words for the person who takes over."""

    reason: str


_LAST = re.compile(
    r"\b(?:last|latest|most recent|newest|recent) (?:\w+ )?(?:order|purchase|payment|charge|one|"
    r"transaction|invoice)\b",
    re.IGNORECASE,
)
_EARLIER = re.compile(
    r"\b(?:first|oldest|second|previous|earlier|other|one before|two orders|both|several) "
    r"(?:\w+ )?(?:order|purchase|payment|charge|one|transaction|orders|charges)\b|\bboth\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b|\b[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}\b"
    r"|\b(?:[0-9]{1,2}(?:st|nd|rd|th)? (?:of )?)?(?:january|february|march|april|june|july|august|"
    r"september|october|november|december|jan|feb|apr|jun|jul|aug|sep|sept|oct|nov|dec)\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"(?<![\w.,$€£¥-])#?(?=[A-Za-z-]{0,12}[0-9])[A-Za-z]{0,8}-?[0-9][A-Za-z0-9-]{2,}(?![\w%])"
    r"|#[A-Za-z0-9-]+|\b[a-z]{2,8}_[A-Za-z0-9]+\b"
)
_COUNTED = re.compile(
    r"[0-9]+\s?(?:days?|weeks?|months?|years?|hours?|minutes?|mins?|times?|items?|pairs?|pieces?|"
    r"pcs|x|am|pm|st|nd|rd|th|inch|cm|mm|ml|kg|g)\b",
    re.IGNORECASE,
)
_PLAIN_WORDS = frozenset(
    "order orders charge charges payment payments refund visa mastercard amex card the and "
    "for with from our your subscription plan month monthly year yearly every".split()
)


def find_objects(slot: ObjectSlot, text: str, records: Records) -> tuple[str, ...] | Trouble:
    """The handles that the words mean: by reference, position, title, amount, or as the only one.

    Args:
        text: the normalised request, with its context.

    Returns:
        One handle, or several when the words name several references.
    """
    of_kind = {name: record for name, record in records.items() if record.kind == slot.kind}
    if not of_kind:
        return Trouble(reason=f"the customer has no {slot.kind}")
    usable = {name: record for name, record in of_kind.items() if _usable(slot, record)}
    if slot.pick == "duplicate":
        return _duplicate(slot, text, usable)
    named = _named(text, of_kind)
    if named:
        useless = [name for name in named if name not in usable]
        if useless:
            return Trouble(reason=f"nothing can be done with {of_kind[useless[0]].title}")
        return named
    if _EARLIER.search(text):
        return Trouble(reason=f"it is not clear which {slot.kind} is meant")
    if _DATE.search(text):
        return Trouble(reason=f"the {slot.kind} is named by a date only")
    if _LAST.search(text):
        newest = next(iter(of_kind))
        if newest in usable:
            return (newest,)
        return Trouble(reason=f"nothing can be done with {of_kind[newest].title}")
    return _guessed(slot, text, usable)


def find_strangers(text: str, records: Records, amounts: Sequence[Mention]) -> str | None:
    """A word that looks like an order number and is none of the customer's; None without one."""
    known = {ref.lower().lstrip("#") for rec in records.values() for ref in rec.references}
    known |= {record.id.lower() for record in records.values()}
    money = [(mention.start, mention.end) for mention in amounts if not mention.bare]
    skip = [match.span() for pattern in (_DATE, _COUNTED) for match in pattern.finditer(text)]
    for match in _REFERENCE.finditer(text):
        word = match[0].lower().lstrip("#")
        inside = any(start <= match.start() < end for start, end in [*money, *skip])
        if not inside and word not in known:
            return match[0]
    return None


def find_money(
    slot: MoneySlot, text: str, record: Record | None, records: Records
) -> Money | Trouble | None:
    """The amount that the words ask for; None when they name none, which means all of it.

    Args:
        record: the object that the amount belongs to; None for a free amount.
    """
    mentions = [mention for mention in read_amounts(text) if not _is_reference(mention, records)]
    shares = read_shares(text)
    unclear = [mention for mention in mentions if not mention.clear]
    if unclear:
        return Trouble(reason=f"the amount `{unclear[0].text}` can be read in more than one way")
    spans = [match.span() for p in (_DATE, _COUNTED) for match in p.finditer(text)]
    counted = [m for m in mentions if m.bare and any(a <= m.start < b for a, b in spans)]
    rest = [mention for mention in mentions if mention not in counted]
    bare = [mention for mention in rest if mention.bare]
    if bare:
        return Trouble(reason=f"it is not clear what the number `{bare[0].text}` means")
    if record is None:
        return _free_money(rest, required=slot.required)
    return _money_of(record, rest, shares)


def find_choice(slot: ChoiceSlot, text: str) -> str | Trouble | None:
    """The one choice whose pattern is found; the default when none is."""
    found = [
        name
        for name, patterns in slot.choices.items()
        if any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    ]
    if len(found) > 1:
        return Trouble(reason=f"the message asks for both `{found[0]}` and `{found[1]}`")
    return found[0] if found else slot.default


def money_fact(record: Record, name: str) -> Money | None:
    """A fact of a record when it is an amount."""
    value = record.facts.get(name)
    return value if isinstance(value, Money) else None


def _usable(slot: ObjectSlot, record: Record) -> bool:
    if slot.needs is not None:
        amount = money_fact(record, slot.needs)
        if amount is None or amount.amount_minor <= 0:
            return False
    return not slot.status or record.facts.get("status") in slot.status


def _named(text: str, records: Records) -> tuple[str, ...]:
    names = [(name, (*record.references, record.id)) for name, record in records.items()]
    return tuple(name for name, words in names if any(_occurs(word, text) for word in words))


def _occurs(word: str, text: str) -> bool:
    plain = re.escape(word.lstrip("#"))
    # NOTE: `$1042` is an amount and `1042.50` too; neither names order 1042.
    return bool(re.search(rf"(?<![\w$€£¥.,-]){plain}(?![\w%-]|[.,][0-9])", text, re.IGNORECASE))


def _is_reference(mention: Mention, records: Records) -> bool:
    known = {ref.lstrip("#") for record in records.values() for ref in record.references}
    return mention.bare and any(
        mention.text == ref or re.search(rf"\b{re.escape(mention.text)}\b", ref) for ref in known
    )


def _guessed(slot: ObjectSlot, text: str, usable: Records) -> tuple[str, ...] | Trouble:
    if not usable:
        return Trouble(reason=f"no {slot.kind} is in a state in which this can be done")
    rules: tuple[Callable[[Record], int], ...] = (
        lambda record: len(_title_words(record) & _words(text)),
        lambda record: int(_amount_is_named(record, text)),
    )
    for rule in rules:
        scores = {name: rule(record) for name, record in usable.items()}
        best = max(scores.values())
        leaders = [name for name, score in scores.items() if score == best]
        if best > 0 and len(leaders) == 1:
            return (leaders[0],)
    if len(usable) == 1:
        return (next(iter(usable)),)
    titles = "; ".join(record.title for record in list(usable.values())[:4])
    return Trouble(reason=f"several {slot.kind}s could be meant: {titles}")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{3,}", text.lower())) - _PLAIN_WORDS


def _title_words(record: Record) -> set[str]:
    return _words(record.title)


def _amount_is_named(record: Record, text: str) -> bool:
    whole = money_fact(record, "amount")
    if whole is None:
        return False
    mentions = [mention for mention in read_amounts(text) if not mention.bare]
    return any(mention.as_money(whole.currency) == whole for mention in mentions)


def _duplicate(slot: ObjectSlot, text: str, usable: Records) -> tuple[str, ...] | Trouble:
    named = _named(text, usable)
    pairs: list[tuple[str, str]] = []
    entries = list(usable.items())
    for index, (later, one) in enumerate(entries):
        for earlier, two in entries[index + 1 :]:
            if named and later not in named and earlier not in named:
                continue
            if _equal_and_close(one, two, slot.within_h):
                pairs.append((later, earlier))
    if len(pairs) != 1:
        found = "no two equal charges lie" if not pairs else "more than two equal charges lie"
        return Trouble(reason=f"a double charge is reported, and {found} close together")
    return (pairs[0][0],)


def _equal_and_close(one: Record, two: Record, hours: int) -> bool:
    amount = money_fact(one, "amount")
    untouched = all(money_fact(rec, "left") == amount for rec in (one, two))
    if amount is None or amount != money_fact(two, "amount") or not untouched:
        return False
    times = [_time_of(one), _time_of(two)]
    if times[0] is None or times[1] is None:
        return False
    return abs(times[0] - times[1]) <= timedelta(hours=hours)


def _time_of(record: Record) -> datetime | None:
    value = record.facts.get("created")
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _free_money(mentions: Sequence[Mention], *, required: bool) -> Money | Trouble | None:
    amounts = {mention.as_only_money() for mention in mentions}
    if None in amounts or len(amounts) > 1:
        return Trouble(reason="it is not clear which amount is meant")
    if not amounts:
        return Trouble(reason="no amount is named") if required else None
    return next(iter(amounts))


def _money_of(
    record: Record, mentions: Sequence[Mention], shares: Sequence[Fraction]
) -> Money | Trouble | None:
    whole, left = money_fact(record, "amount"), money_fact(record, "left")
    if whole is None or left is None:
        return Trouble(reason=f"the amount of {record.title} is not known") if mentions else None
    amounts = {mention.as_money(whole.currency) for mention in mentions}
    if None in amounts:
        return Trouble(reason=f"an amount is named that is not in {whole.currency}")
    # The price that was paid names the object ("I paid $129"); it is not the part to pay back.
    parts = {amount for amount in amounts if amount is not None and amount != whole}
    found = _part(whole, parts, shares)
    if isinstance(found, Money) and found > left:
        return Trouble(reason=f"{found} is asked for, and {left} is left of {record.title}")
    if found is None and left != whole and amounts:
        return Trouble(reason=f"{whole} is asked for, and {left} is left of {record.title}")
    return found


def _part(whole: Money, parts: set[Money], shares: Sequence[Fraction]) -> Money | Trouble | None:
    """One part, by amount or by share; None for all of it."""
    fractions = set(shares)
    if len(parts) + len(fractions) > 1:
        return Trouble(reason="more than one amount is named")
    if parts:
        return next(iter(parts))
    if fractions and (share := next(iter(fractions))) < 1:
        return share_of(whole, share)
    return None

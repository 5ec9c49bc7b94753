"""Fills a playbook's slots from the customer's words and the customer's own records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from sayso.actions.model.snapshot import Record
from sayso.agent.playbooks.amounts import Mention, odd_share, read_amounts, read_shares, share_of
from sayso.agent.playbooks.file import ChoiceSlot, MoneySlot, ObjectSlot
from sayso.agent.playbooks.things import singular, strange_thing
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
DATE = re.compile(
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b|\b[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}\b"
    r"|\b(?:[0-9]{1,2}(?:st|nd|rd|th)? (?:of )?)?(?:january|february|march|april|june|july|august|"
    r"september|october|november|december|jan|feb|apr|jun|jul|aug|sep|sept|oct|nov|dec)\b",
    re.IGNORECASE,
)
REFERENCE = re.compile(
    r"(?<![\w.,$€£¥-])#?(?=[A-Za-z-]{0,12}[0-9])[A-Za-z]{0,8}-?[0-9][A-Za-z0-9-]{2,}(?![\w%])"
    r"|#[A-Za-z0-9-]+|\b[a-z]{2,8}_[A-Za-z0-9]+\b"
)
"""A word that looks like an order number, or is written as one."""

COUNTED = re.compile(
    r"[0-9]+\s?(?:days?|weeks?|months?|years?|hours?|minutes?|mins?|times?|items?|pairs?|pieces?|"
    r"pcs|x|am|pm|st|nd|rd|th|inch|cm|mm|ml|kg|g)\b",
    re.IGNORECASE,
)
_PART = re.compile(
    r"\b(?:partial(?:ly)?|part|(?:some|most) of)\b"
    r"|\b(?:items?|pieces?|parts?|products?) (?:of|from|in)\b",
    re.IGNORECASE,
)
_PARTLY = re.compile(
    r"\b(?:one|two|three|four|five|some|most|several|part) (?:of\b|\w+ "
    r"(?:was|were|is|are|of|from|in|arrived|came)\b)|\bmissing (?:item|piece|part)s?\b",
    re.IGNORECASE,
)
"""Told of a part of what was bought: what is to be paid back for it, nobody has said."""

_JOINED = re.compile(r"[+&;]|\b(?:and|with|plus|incl|including)\b", re.IGNORECASE)
_MEASURES = frozenset(
    "set pair pack box dozen size large medium small monthly two three four five six eight ten "
    "twelve".split()
)
"""Words of a title that describe how much of an item it is, and are none themselves."""

_WHOLE = re.compile(r"\b(?:full|fully|whole|all|entire|everything)\b", re.IGNORECASE)
_PLAIN_WORDS = frozenset(
    "order orders charge charges payment payments refund visa mastercard amex card the and "
    "for with from our your subscription plan month monthly year yearly every".split()
)


def find_objects(
    slot: ObjectSlot, text: str, context: str, records: Records, *, may_guess: bool
) -> tuple[str, ...] | Trouble:
    """The handles that the words mean: by reference, position, title, amount, or as the only one.

    What the request itself names counts before what is told around it; where both name something
    and not the same, nobody guesses: `The blue mug is lovely. Refund the lamp.`

    Args:
        text: the normalised request.
        context: the other sentences.
        may_guess: whether the newest one, or the only one that is left, may be taken unnamed.

    Returns:
        One handle, or several when the words name several references.
    """
    of_kind = {name: record for name, record in records.items() if record.kind == slot.kind}
    if not of_kind:
        return Trouble(reason=f"the customer has no {slot.kind}")
    usable = {name: record for name, record in of_kind.items() if not _hindrance(slot, record)}
    if slot.pick == "duplicate":
        if not may_guess:
            return Trouble(reason="it is not clear whether one of two charges is too much")
        return _duplicate(slot, f"{text}. {context}", usable)
    own = _meant(slot, text, of_kind, may_guess=may_guess)
    if isinstance(own, Trouble):
        return own
    wide = _meant(slot, f"{text}. {context}", of_kind, may_guess=may_guess) if context else own
    if own and isinstance(wide, tuple) and wide != own:
        return Trouble(reason=f"it is not clear which {slot.kind} is meant")
    found = own or wide
    if isinstance(found, Trouble):
        return found
    useless = [name for name in found if name not in usable]
    if useless:
        record = of_kind[useless[0]]
        why = _hindrance(slot, record)
        return Trouble(reason=f"nothing can be done with {record.title}: {why}")
    if found:
        return found
    if not usable:
        return Trouble(reason=f"no {slot.kind} is in a state in which this can be done")
    titles = [title_words(record) for record in of_kind.values()]
    strange = None if slot.needs is None else strange_thing(context, titles)
    if strange is not None:
        return Trouble(reason=f"`{strange}` is none of what the customer has paid for")
    if len(usable) == 1 and may_guess:
        return (next(iter(usable)),)
    return _several(slot, usable)


def _meant(
    slot: ObjectSlot, text: str, of_kind: Records, *, may_guess: bool
) -> tuple[str, ...] | Trouble:
    """What a text names, in whatever state it is; nothing when it names none."""
    named = _named(text, of_kind)
    if named:
        return _apart(slot, named, of_kind)
    if _EARLIER.search(text):
        return Trouble(reason=f"it is not clear which {slot.kind} is meant")
    if DATE.search(text):
        return Trouble(reason=f"the {slot.kind} is named by a date only")
    if _LAST.search(text):
        if not may_guess:  # `cancel my subscription and refund the last payment`: which one?
            return Trouble(reason=f"it is not clear which {slot.kind} is meant")
        return _apart(slot, (next(iter(of_kind)),), of_kind)
    return _described(slot, text, of_kind)


def _apart(slot: ObjectSlot, named: tuple[str, ...], of_kind: Records) -> tuple[str, ...] | Trouble:
    """The same, or trouble where one order number is that of several, as of a double charge."""
    counts = Counter(
        ref for record in of_kind.values() for ref in record.references if ref != record.id
    )
    shared = [name for name in named if any(counts[r] > 1 for r in of_kind[name].references)]
    if shared:
        return _several(slot, {name: of_kind[name] for name in (shared or named)})
    return named


def find_strangers(text: str, records: Records, amounts: Sequence[Mention]) -> str | None:
    """A word that looks like an order number and is none of the customer's; None without one."""
    known = {ref.lower().lstrip("#") for rec in records.values() for ref in rec.references}
    known |= {record.id.lower() for record in records.values()}
    money = [(mention.start, mention.end) for mention in amounts if not mention.bare]
    skip = [match.span() for pattern in (DATE, COUNTED) for match in pattern.finditer(text)]
    for match in REFERENCE.finditer(text):
        word = match[0].lower().lstrip("#")
        inside = any(start <= match.start() < end for start, end in [*money, *skip])
        if not inside and word not in known:
            return match[0]
    return None


def find_money(
    slot: MoneySlot, text: str, context: str, record: Record | None, records: Records
) -> Money | Trouble | None:
    """The amount that the words ask for; None when they name none, which means all of it.

    An amount that is told around a request is not what it asks for, nor is it to be ignored.

    Args:
        text: the normalised request.
        context: the other sentences.
        record: the object that the amount belongs to; None for a free amount.
    """
    mentions = _amounts_in(text, records)
    around = _amounts_in(context, records)
    for found in (mentions, around):
        if isinstance(found, Trouble):
            return found
    assert not isinstance(mentions, Trouble)
    assert not isinstance(around, Trouble)
    if record is None:
        return _free_money((*mentions, *around), required=slot.required)
    if any(not _is_price(mention, record) for mention in around):
        return Trouble(reason=f"the amount `{around[0].text}` is told beside the request")
    if odd_share(text):
        return Trouble(reason="a share is named that is none")
    if read_shares(context):
        return Trouble(reason="a share is told beside the request")
    part = _money_of(record, mentions, read_shares(text))
    if isinstance(part, Money) and _WHOLE.search(text):
        return Trouble(reason="all of it is asked for, and a part of it")
    if part is None and (_PART.search(text) or _PARTLY.search(f"{text}. {context}")):
        return Trouble(reason="a part is asked for, and it is not said how much")
    return part


def unexplained_amount(text: str, records: Sequence[Record]) -> str | None:
    """An amount or a share in a request that takes none, and that is no price of its objects."""
    mentions = [mention for mention in read_amounts(text) if not mention.bare]
    for mention in mentions:
        if not any(_is_price(mention, record) for record in records):
            return mention.text
    return "a share" if read_shares(text) else None


def _amounts_in(text: str, records: Records) -> list[Mention] | Trouble:
    """The clear amounts in a currency, or trouble over a number that can be read otherwise."""
    mentions = [mention for mention in read_amounts(text) if not _is_reference(mention, records)]
    unclear = [mention for mention in mentions if not mention.clear]
    if unclear:
        return Trouble(reason=f"the amount `{unclear[0].text}` can be read in more than one way")
    spans = [match.span() for p in (DATE, COUNTED) for match in p.finditer(text)]
    counted = [m for m in mentions if m.bare and any(a <= m.start < b for a, b in spans)]
    rest = [mention for mention in mentions if mention not in counted]
    bare = [mention for mention in rest if mention.bare]
    if bare:
        return Trouble(reason=f"it is not clear what the number `{bare[0].text}` means")
    return rest


def _is_price(mention: Mention, record: Record) -> bool:
    whole = money_fact(record, "amount") or money_fact(record, "price")
    return whole is not None and mention.as_money(whole.currency) == whole


def find_choice(slot: ChoiceSlot, text: str, context: str) -> str | Trouble | None:
    """The one choice whose pattern is found in the request; the default when none is.

    A choice that is only told around it (`I saw it today. Please cancel …`) may belong to either.
    """
    found = _choices_in(slot, text)
    around = _choices_in(slot, context)
    if len(found) > 1:
        return Trouble(reason=f"the message asks for both `{found[0]}` and `{found[1]}`")
    chosen = found[0] if found else slot.default
    if any(name != chosen for name in around):
        return Trouble(reason=f"it is not clear whether `{around[0]}` belongs to the request")
    return chosen


def _choices_in(slot: ChoiceSlot, text: str) -> list[str]:
    return [
        name
        for name, patterns in slot.choices.items()
        if any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    ]


def money_fact(record: Record, name: str) -> Money | None:
    """A fact of a record when it is an amount."""
    value = record.facts.get(name)
    return value if isinstance(value, Money) else None


def _hindrance(slot: ObjectSlot, record: Record) -> str | None:
    """Why nothing can be done with the object, in its state; None when something can."""
    if slot.needs is not None:
        amount = money_fact(record, slot.needs)
        if amount is None:
            return f"it is not known how much of it is {slot.needs}"
        if amount.amount_minor <= 0:
            return f"{amount} of it is {slot.needs}"
    status = record.facts.get("status")
    if slot.status and status not in slot.status:
        return "its status is not known" if status is None else f"it is {status}"
    return None


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


def _described(slot: ObjectSlot, text: str, of_kind: Records) -> tuple[str, ...] | Trouble:
    """By words of the title, then by the price; nothing when neither is there.

    Who is described by some of another's words and by more besides is the one; two that are each
    described by words of their own are two.
    """
    words = _words(text)
    hits = {name: title_words(record) & words for name, record in of_kind.items()}
    every = set[str]().union(*hits.values())
    described = {name: of_kind[name] for name, found in hits.items() if every and found == every}
    if every and not described:
        return _several(slot, of_kind)
    rest = described or of_kind
    priced = tuple(name for name, record in rest.items() if _amount_is_named(record, text))
    found = tuple(described) if len(described) == 1 else priced
    if len(found) > 1 or (described and not found):
        return _several(slot, rest)
    return found


def _several(slot: ObjectSlot, found: Records) -> Trouble:
    titles = "; ".join(record.title for record in list(found.values())[:4])
    return Trouble(reason=f"several {slot.kind}s could be meant: {titles}")


def _words(text: str) -> set[str]:
    found = {singular(word) for word in re.findall(r"[^\W\d_]{3,}", text.lower())}
    return found - _PLAIN_WORDS


def is_nameless(record: Record) -> bool:
    """Whether its title says nothing but its facts, as of `$12.00 per month, active`."""
    facts = {word for value in record.facts.values() for word in _words(str(value))}
    return not title_words(record) - facts - {"per", "ends"}


def names_a_part(text: str, record: Record) -> bool:
    """Whether the words describe some of a record's items, and others stand in its title too.

    `Order 1042: blue mug, red lamp` is one payment: money back for the lamp is not all of it.
    """
    if money_fact(record, "amount") is None:
        return False
    pieces = record.title.split(",")
    if len(pieces) > 1:
        pieces.pop()  # what paid, or an item that is not looked at
    items = [_words(item) - _MEASURES for piece in pieces for item in _JOINED.split(piece)]
    said = _words(text)
    hits = [bool(item & said) for item in items if item]
    return any(hits) and not all(hits)


def title_words(record: Record) -> set[str]:
    """The words by which a customer may describe it."""
    return _words(record.title)


def _amount_is_named(record: Record, text: str) -> bool:
    whole = money_fact(record, "amount") or money_fact(record, "price")
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
    if shares and left != whole:
        return Trouble(reason=f"a share is asked for, and {left} is left of {record.title}")
    if len([mention for mention in mentions if not _is_price(mention, record)]) > len(parts):
        return Trouble(reason="an amount is named twice")
    found = _part(whole, parts, shares)
    if isinstance(found, Money) and found > left:
        return Trouble(reason=f"{found} is asked for, and {left} is left of {record.title}")
    if found is None and left != whole and amounts:
        return Trouble(reason=f"{whole} is asked for, and {left} is left of {record.title}")
    return found


def _part(whole: Money, parts: set[Money], shares: Sequence[Fraction]) -> Money | Trouble | None:
    """One part, by amount or by share; None for all of it."""
    fractions = set(shares)
    if len(parts) + len(shares) > 1:
        return Trouble(reason="more than one amount is named")
    if any(part.amount_minor <= 0 for part in parts):
        return Trouble(reason="an amount of nothing is named")
    if parts:
        return next(iter(parts))
    if fractions and (share := next(iter(fractions))) < 1:
        return share_of(whole, share)
    return None

"""Days, plans and parts of an object that a message names, for the acts that take them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from sayso.agent.understanding.days import find_days
from sayso.agent.understanding.find_plans import find_plans
from sayso.agent.understanding.find_words import find_words
from sayso.agent.understanding.objects import FoundObject
from sayso.agent.understanding.playbook import DateSlot, ItemsSlot, OptionSlot, Playbook, WordsSlot
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.records import Thing, Things, words_of

FORMS: Mapping[str, frozenset[str]] = {
    "address": frozenset({"address"}),
    "contact": frozenset({"email", "phone"}),
}
"""Which tokens are of a form that a slot takes."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")


class More(TypedDict, total=False):
    """What `more_of` finds, as `ActDraft` has it."""

    dates: tuple[str, ...]
    options: tuple[str, ...]
    items: tuple[str, ...]
    quantities: tuple[int, ...]
    some: bool
    words: tuple[str, ...]


def more_of(
    reading: Reading, spans: Sequence[Span], book: Playbook, things: Things, found: FoundObject
) -> More:
    """What the words within some spans say about days, plans and parts."""
    said: More = {}
    for _, date_slot in book.slots_of(DateSlot):
        now = _days_of(reading, book, things, found)
        said["dates"] = tuple(find_days(reading, spans, exact=date_slot.exact, now=now))
    if any(True for _ in book.slots_of(OptionSlot)):
        said["options"] = tuple(_plans(reading, book, things, found))
    for name, _ in book.slots_of(ItemsSlot):
        said["items"] = tuple(dict.fromkeys(_items(reading, spans, things, found)))
        counted = dict.fromkeys(_quantities(reading, spans, f"count:{book.name}.{name}"))
        said["quantities"] = tuple(counted)
        if book.money_slot is None:  # else it may be a part of the money
            counted = counted or dict.fromkeys(_named_counts(reading, spans))
            one = found.single or any(reading.has("one_of", within=span) for span in spans)
            said["quantities"] = tuple(counted) or ((1,) if one else ())
            said["some"] = any(reading.has("part", within=span) for span in spans)
    for name, _ in book.slots_of(WordsSlot):
        words = find_words(reading, spans, book, name, _titles(things, found))
        said["words"] = tuple(dict.fromkeys(words))
    return said


def _meant(book: Playbook, things: Things, found: FoundObject) -> list[Thing]:
    """The objects that are named, or all that can be meant where none is."""
    if found.handles or book.object_slot is None:
        return [things.by(handle) for handle in found.handles]
    return things.usable(book.object_slot[1])


def _days_of(
    reading: Reading, book: Playbook, things: Things, found: FoundObject
) -> tuple[str, ...]:
    """The days to come of which the object's facts tell, such as that of its next delivery."""
    facts = (fact for one in _meant(book, things, found) for fact in one.record.facts.values())
    days = {fact[:10] for fact in facts if isinstance(fact, str) and _DAY.match(fact)}
    today = "" if reading.today is None else reading.today.isoformat()
    return tuple(sorted(day for day in days if day > today))


def _titles(things: Things, found: FoundObject) -> frozenset[str]:
    titles = (things.by(handle).record.title for handle in found.handles)
    return frozenset[str]().union(*map(words_of, titles))


def _plans(reading: Reading, book: Playbook, things: Things, found: FoundObject) -> list[str]:
    """The plans that are named, but for the one that the only object has."""
    meant = _meant(book, things, found)
    return find_plans(reading, meant[0].names if len(meant) == 1 else ())


def _items(
    reading: Reading, spans: Sequence[Span], things: Things, found: FoundObject
) -> Iterator[str]:
    """Words of the parts' names, where the object has several."""
    handles = found.handles or found.candidates
    if len(handles) != 1:
        return
    for part in things.by(handles[0]).parts:
        words = set(part.words)
        for span in spans:
            named = [t.text for t in reading.tokens[span.start : span.end] if t.text in words]
            if named:
                yield part.title
                break


def _quantities(reading: Reading, spans: Sequence[Span], tag: str) -> Iterator[int]:
    for unit in (one for span in spans for one in reading.found(tag, within=span)):
        before = reading.tokens[unit.start - 1] if unit.start else None
        if before is not None and before.kind == "number" and before.digits.isdigit():
            yield int(before.digits)


def _named_counts(reading: Reading, spans: Sequence[Span]) -> Iterator[int]:
    """Whole numbers right before a name: `two bottles`."""
    for span in spans:
        for at in range(span.start, span.end - 1):
            token, behind = reading.tokens[at], reading.tokens[at + 1]
            counts = token.kind == "number" and token.digits.isdigit() and not token.hash
            # `The two pillows` are all of them.
            told = {tag.end for tag in reading.found("determiner", "some_of", "one_of")}
            if counts and at not in told and at + 1 in reading.titles and behind.kind == "word":
                yield int(token.digits)

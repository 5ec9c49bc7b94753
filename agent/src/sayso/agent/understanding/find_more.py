"""Days, plans and parts of an object that a message names, for the acts that take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from sayso.agent.understanding.days import find_days
from sayso.agent.understanding.objects import FoundObject
from sayso.agent.understanding.playbook import DateSlot, ItemsSlot, OptionSlot, Playbook, WordsSlot
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.records import Things

FORMS: Mapping[str, frozenset[str]] = {
    "address": frozenset({"address"}),
    "contact": frozenset({"email", "phone"}),
}
"""Which tokens are of a form that a slot takes."""


class More(TypedDict, total=False):
    """What `more_of` finds, as `ActDraft` has it."""

    dates: tuple[str, ...]
    options: tuple[str, ...]
    items: tuple[str, ...]
    quantities: tuple[int, ...]
    words: tuple[str, ...]


def more_of(
    reading: Reading, spans: Sequence[Span], book: Playbook, things: Things, found: FoundObject
) -> More:
    """What the words within some spans say about days, plans and parts."""
    said: More = {}
    if any(True for _ in book.slots_of(DateSlot)):
        said["dates"] = tuple(dict.fromkeys(find_days(reading, spans)))
    if any(True for _ in book.slots_of(OptionSlot)):
        said["options"] = tuple(dict.fromkeys(_plans(reading, things, found)))
    for name, _ in book.slots_of(ItemsSlot):
        said["items"] = tuple(dict.fromkeys(_items(reading, spans, things, found)))
        said["quantities"] = tuple(
            dict.fromkeys(_quantities(reading, spans, f"count:{book.name}.{name}"))
        )
    for name, _ in book.slots_of(WordsSlot):
        said["words"] = tuple(dict.fromkeys(_words(reading, spans, f"{book.name}.{name}")))
    return said


def _words(reading: Reading, spans: Sequence[Span], slot: str) -> Iterator[str]:
    """The longest words of the list that are no words of a longer one."""
    tags = [tag for span in spans for tag in reading.found(f"said:{slot}", within=span)]
    for tag in tags:
        if not any(o is not tag and o.start <= tag.start and tag.end <= o.end for o in tags):
            yield reading.words(Span(tag.start, tag.end))
    if not tags and any(reading.has(f"same_as:{slot}", within=span) for span in spans):
        yield "new"


def _plans(reading: Reading, things: Things, found: FoundObject) -> Iterator[str]:
    """The plans that are named, but for the one that the object has."""
    own = {name for handle in found.handles for name in things.by(handle).names}
    for tag in reading.starting("plan:"):
        if tag.name not in own or len(found.handles) != 1:
            yield tag.name.removeprefix("plan:")


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

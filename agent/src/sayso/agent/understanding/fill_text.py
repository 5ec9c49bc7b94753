"""What the customer says beside object and amount: addresses, days, plans, parts of an object.

A value with parts is a table: `said` is how it is written, and what an action takes as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sayso.agent.understanding.base import UnclearError
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.playbook import (
    DateSlot,
    ItemsSlot,
    OptionSlot,
    Playbook,
    TextSlot,
    WordsSlot,
)
from sayso.agent.understanding.records import Thing
from sayso.agent.understanding.tokens import TextToken
from sayso.json import JsonValue

SAID = "said"
_KNOWN = ("country", "province")
"""Parts of an address that are as they were where nothing is said: facts of the record."""

Value = tuple[str, JsonValue]


def fill_more(draft: ActDraft, book: Playbook, thing: Thing | None) -> Iterator[Value]:
    """The value of each slot that something is said about.

    Raises:
        UnclearError: two different ones are said.
    """
    for name, _ in book.slots_of(TextSlot):
        yield from _text(draft, name, thing)
    for name, _ in book.slots_of(DateSlot):
        yield from _one(draft, name, draft.dates)
    for name, _ in book.slots_of(OptionSlot):
        yield from _one(draft, name, draft.options)
    for name, _ in book.slots_of(WordsSlot):
        yield from _one(draft, name, draft.words)
    for name, _ in book.slots_of(ItemsSlot):
        yield name, _items(draft, name, thing)


def part_said(value: JsonValue, part: str) -> JsonValue:
    """What an action takes of a slot's value: one of its parts, or all of it as it is written."""
    if isinstance(value, Mapping) and (part or SAID in value):
        return value.get(part or SAID)
    return value


def _one(draft: ActDraft, name: str, said: tuple[str, ...]) -> Iterator[Value]:
    if len(said) > 1:
        raise UnclearError(draft.act, name, said, "several are named")
    yield from ((name, one) for one in said)


def _text(draft: ActDraft, name: str, thing: Thing | None) -> Iterator[Value]:
    said = {token.text: token for token in draft.texts.get(name, ())}
    if len(said) > 1:
        raise UnclearError(draft.act, name, (), "several are named")
    for token in said.values():
        yield name, {SAID: token.text, **dict(_parts(token, thing))}


def _parts(token: TextToken, thing: Thing | None) -> Iterator[tuple[str, str]]:
    yield from token.parts.items()
    if token.form != "address":
        yield "field", token.form
    elif "country" not in token.parts and thing is not None:
        for name in _KNOWN:
            known = thing.record.facts.get(name)
            if isinstance(known, str):
                yield name, known


def _items(draft: ActDraft, name: str, thing: Thing | None) -> Mapping[str, JsonValue]:
    """All of the object's lines, or the one that is named; see `ItemsSlot`."""
    if len(draft.items) > 1 or len(draft.quantities) > 1:
        raise UnclearError(draft.act, name, (), "several are named")
    if draft.some and not (draft.items or draft.quantities):
        raise UnclearError(draft.act, name, (), "only some of it is spoken of")
    found: dict[str, JsonValue] = {}
    if draft.items:
        found["item"] = found[SAID] = draft.items[0]
    if draft.quantities:
        found["quantity"] = draft.quantities[0]
    lines = () if thing is None else thing.parts
    for kind in dict.fromkeys(part.kind for part in lines):
        parts = [part for part in lines if part.kind == kind]
        chosen = [one for one in parts if not draft.items or one.title == draft.items[0]]
        found[kind] = [
            {"line": part.handle, "quantity": min(count, part.left)}
            for part in chosen
            if (count := draft.quantities[0] if draft.quantities else part.left) and part.left
        ]
    return found

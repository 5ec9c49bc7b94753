"""Words of the customer's own: an address, taken as it is written, and what is known beside it."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.agent.understanding.base import UnclearError
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.playbook import Playbook
from sayso.agent.understanding.records import Thing
from sayso.agent.understanding.tokens import TextToken
from sayso.json import JsonValue

_KNOWN = ("country", "province")
"""Parts of an address that are as they were where nothing is said: facts of the record."""


def fill_texts(
    draft: ActDraft, book: Playbook, thing: Thing | None
) -> Iterator[tuple[str, JsonValue]]:
    """The value of each text slot that something is said about.

    Raises:
        UnclearError: two different ones are said.
    """
    for name, _ in book.text_slots():
        said = {_value(token, thing): token for token in draft.texts.get(name, ())}
        if len(said) > 1:
            raise UnclearError(draft.act, name, (), "several are named")
        for token in said.values():
            yield name, dict(_parts(token, thing)) if token.parts else token.text


def _value(token: TextToken, thing: Thing | None) -> tuple[tuple[str, str], ...]:
    return tuple(_parts(token, thing)) or ((token.form, token.text),)


def _parts(token: TextToken, thing: Thing | None) -> Iterator[tuple[str, str]]:
    yield from token.parts.items()
    if token.parts and "country" not in token.parts and thing is not None:
        for name in _KNOWN:
            known = thing.record.facts.get(name)
            if isinstance(known, str):
                yield name, known

"""Whether every word of a request is known: a word that nobody explains may change what it asks.

`refund order 1042` is a plain request; `refund the shipping of order 1042`, `a third of it`, `on
Friday`, `to Ben` are others, and no list of what must not be there would ever be complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from sayso.actions.model.snapshot import Record
from sayso.agent.playbooks.amounts import normalise, read_amounts
from sayso.agent.playbooks.file import ChoiceSlot, FlagSlot, ObjectSlot, Playbook
from sayso.agent.playbooks.slots import COUNTED, REFERENCE, Records, is_nameless
from sayso.agent.playbooks.things import singular

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_GAP = re.compile(r"\.[*+{]|\[\^|\\w[*+{]")
_COMMON = frozenset(
    "a also am an and do for from gimme hereby i i'm in it just kindly me my nr number of ok okay "
    "on order our payment please pls plz really so the this to u us we yes you your".split()
)
"""They ask for nothing and change nothing, wherever they stand."""

_PHRASES = re.compile(
    r"\b(?:can|could|would|will|may) (?:you|u|i|we)\b"
    r"|\b(?:i hope|(?:i'd|i would) be (?:grateful|glad|happy) if|it would be (?:great|nice) if) "
    r"you (?:can|could|would)\b|^\W*(?:regarding|concerning|about)\b"
    r"|\bwould (?:also )?like\b|\byou (?:must|have to|need to)\b"
    r"|\b(?:i|we)(?: would|'d) (?:also |really |just )?(?:like|love|appreciate)\b"
    r"|^\W*(?:hi|hello|hey|dear|good (?:morning|day|afternoon|evening))\b"
    r"(?:[ ,]+(?:there|team|all|support|sir|madam|or|and|everyone|folks)\b|[ ]\w+(?=[,!]))*"
    r"|\b(?:thank you|thanks|thx|cheers|many thanks)(?: in advance| a lot| so much| very much)?\b"
    r"|\bmost recent\b|\bas soon as possible\b|\basap\b|\bat your (?:earliest )?convenience\b"
    r"|\bper ?cent\b",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"(?:i|i'm|i've|it|it's|this|they|we|the|my|there|because|since)\b|sent from my\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?:best|kind|warm|many) )*(?:regards|wishes|greetings|best|thanks|thank you|thx|cheers|"
    r"sincerely|yours|sorry|have a)\b",
    re.IGNORECASE,
)


def changes_request(after: str, before: str) -> bool:
    """Whether a sentence behind a request may change it: `Not today`, `Just the shipping part`.

    What is told has a subject (`It broke at once`); the rest is a closing, a name below a closing,
    or words that change nothing wherever they stand.

    Args:
        after: the sentence.
        before: the sentence before it.
    """
    if _TOLD.match(after) or _CLOSING.match(after):
        return False
    words = [match[0].lower() for match in _WORD.finditer(_PHRASES.sub(" ", after))]
    return not (_COMMON.issuperset(words) or (_CLOSING.match(before) and len(words) <= 3))


def unknown_word(
    book: Playbook, text: str, objects: Iterable[Record], records: Records
) -> str | None:
    """The first word of a request that nothing explains; None when all are known.

    Known are the words of the playbook's `asks`, of its slots' patterns and of the titles of the
    objects that are meant, amounts, order numbers, and a few polite ones.

    Args:
        text: the part of the message that asks, normalised.
        objects: what the words were found to mean.
        records: all that the customer has.
    """
    spans = [(mention.start, mention.end) for mention in read_amounts(text)]
    counted = [match.span() for match in COUNTED.finditer(text)]
    spans += [match.span() for match in REFERENCE.finditer(text) if match.span() not in counted]
    spans += [match.span() for match in _PHRASES.finditer(text)]
    patterns = (*_spelled_out(book), *_slot_patterns(book), *_names(book, records))
    for pattern in patterns:
        spans += [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
    meant = list(objects)
    known = _taught(book.asks) | _COMMON
    titles = {singular(word) for one in meant for word in _of(one.title)}
    if len(meant) > 1:
        known |= {"both"}
    for match in _WORD.finditer(text):
        if any(start <= match.start() < end for start, end in counted):
            return match[0]  # `in 2 months`, though the title says `per month`
        word = match[0].lower()
        if word in known or singular(word) in titles:
            continue
        if not any(start <= match.start() < end for start, end in spans):
            return match[0]
    return None


def _spelled_out(book: Playbook) -> Iterable[str]:
    """The rules without a gap, in which any word could stand."""
    return (pattern for pattern in book.match if not _GAP.search(pattern))


def _names(book: Playbook, records: Records) -> Iterable[str]:
    """What the customer may call the only object of its kind, where its record has no name."""
    for slot in book.slots.values():
        if isinstance(slot, ObjectSlot):
            of_kind = [record for record in records.values() if record.kind == slot.kind]
            if len(of_kind) == 1 and is_nameless(of_kind[0]):
                yield from slot.called


def _slot_patterns(book: Playbook) -> Iterable[str]:
    for slot in book.slots.values():
        if isinstance(slot, FlagSlot):
            yield from slot.patterns
        elif isinstance(slot, ChoiceSlot):
            for patterns in slot.choices.values():
                yield from patterns


@lru_cache(maxsize=64)
def _taught(asks: tuple[str, ...]) -> frozenset[str]:
    # `I would like to cancel` teaches no `I would cancel`.
    return frozenset(word for ask in asks for word in _of(_PHRASES.sub(" ", ask)))


def _of(text: str) -> list[str]:
    return [match[0].lower() for match in _WORD.finditer(normalise(text))]

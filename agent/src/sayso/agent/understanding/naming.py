"""Whether the words name a plan: its act is asked for, its object and its amount are said.

Less than certainty: words that no list knows are allowed, a story, a cause, a polite frame. Words
that may stand against it are not. Whoever reads it beside the words, such as a person with the
card, need not have the customer asked once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from sayso.agent.understanding.acts import Cue, Mood, first_content
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.playbook import ObjectSlot, Playbook
from sayso.agent.understanding.reading import Reading
from sayso.agent.understanding.records import Things
from sayso.agent.understanding.state import ConversationState
from sayso.agent.understanding.tokens import fold

Named: TypeAlias = Literal["", "doubted", "named", "plainly"]
"""How far the words name a plan; `plainly`: without a question mark or an unusual way to ask.
`doubted`: a word stands in them that may speak against it."""

DOUBTED = "doubted"

_AGAINST = tuple(
    "condition hesitation taken_back authority payee threat machine general ask_info "
    "reported".split()
)
"""Anywhere in what the customer wrote."""
_AGAINST_HERE = tuple("negation negation_after persons later changes extras or instead".split())
"""In the clause in which it is asked for."""


def named(state: ConversationState, books: Sequence[Playbook], things: Things) -> Named:
    """How far the words name all that is open, and whether something in them stands against it.

    Args:
        books: of the open acts, in their order.
    """
    reading = state.reading
    if reading is None or not state.open or reading.cut:
        return ""
    here = [cue for cue in state.cues if cue.mood is Mood.ASKED]
    asks = any(sentence.question for sentence in reading.sentences)
    moods = {cue.mood for cue in state.cues} - {Mood.ASKED, Mood.TOLD, Mood.MENTIONED}
    if (
        moods
        or any(one.has(*_AGAINST) for one in state.readings)
        or any(_is_against(reading, cue) for cue in here)
        or (asks and not here)
    ):
        return "doubted"
    ones = list(zip(state.open, books, strict=True))
    if not all(
        _names_object(one, book, reading, things) and _names_amount(one) for one, book in ones
    ):
        return ""
    vague = [one for one, book in ones if not _says_object(one, book, reading)]
    asked = any(reading.sentence_at(cue.start).question for cue in here)
    if vague and (asked or any(_is_compound(reading, book) for _, book in ones)):
        return "doubted"
    slips = any(token.corrected for token in reading.tokens)
    plainly = not (slips or vague) and all(_is_plain(reading, cue) for cue in here)
    return "plainly" if plainly else "named"


def _is_against(reading: Reading, cue: Cue) -> bool:
    if reading.has(*_AGAINST_HERE, within=cue.clause):
        return True
    sentence = reading.sentence_at(cue.start)
    book = next(one for one in reading.lexicon.playbooks if one.name == cue.act)
    bare = cue.bare and cue.start > first_content(reading, sentence.span)
    if bare and book.object_slot is None:
        return True  # `oh great, a credit`
    halted = any(tag.end <= cue.start for tag in reading.found("halt", within=sentence.span))
    if halted or _is_for_a_while(reading, cue, book):
        return True
    return sentence.question and not reading.has("polite_question", "wish", within=sentence.span)


def _is_for_a_while(reading: Reading, cue: Cue, book: Playbook) -> bool:
    """`Stop it for a month` is no end: a time that fits none of the act's choices."""
    timed = bool(tuple(book.choice_slots())) and not reading.starting(f"choice:{book.name}.")
    return timed and reading.has("unit", "date", within=reading.sentence_at(cue.start).span)


def _is_plain(reading: Reading, cue: Cue) -> bool:
    """Neither a question, which may be one about the rules, nor a bare word amid a sentence."""
    sentence = reading.sentence_at(cue.start)
    book = next(one for one in reading.lexicon.playbooks if one.name == cue.act)
    if sentence.question or reading.has("polite_question", within=cue.clause):
        asking = ("polite",) if book.object_slot is not None else ("polite", "mine")
        return reading.has(*asking, within=sentence.span)
    return not cue.bare or cue.start <= first_content(reading, sentence.span)


def _says_object(draft: ActDraft, book: Playbook, reading: Reading) -> bool:
    """Whether the object is called by its number or name, or as theirs: `my subscription`.

    A compound of such a noun, such as a newspaper's subscription, is another thing.
    """
    if book.object_slot is None or draft.object.strong:
        return True
    nouns = _nouns(reading, book.object_slot[1])
    return any(
        reading.tokens[tag.start].text.startswith(nouns)
        and reading.has("mine", within=reading.clause_at(tag.start))
        for tag in reading.found(f"kind:{book.object_slot[1].kind}")
    )


def _nouns(reading: Reading, slot: ObjectSlot) -> tuple[str, ...]:
    """What a kind is called, without the endings of its compounds."""
    kinds = reading.lexicon.pack.kinds.get(slot.kind, ())
    return tuple(fold(word.strip("*")) for word in kinds if not word.startswith("*"))


def _is_compound(reading: Reading, book: Playbook) -> bool:
    """`Krantenabonnement`: a noun of the kind with something before it that may be another's."""
    if book.object_slot is None:
        return False
    slot = book.object_slot[1]
    return any(
        not reading.tokens[tag.start].text.startswith(_nouns(reading, slot))
        for tag in reading.found(f"kind:{slot.kind}")
    )


def _names_object(draft: ActDraft, book: Playbook, reading: Reading, things: Things) -> bool:
    if book.object_slot is None:
        return True
    found = draft.object if draft.object.handles or draft.object.why else draft.around
    if found.handles or found.why:
        return not found.why
    slot = book.object_slot[1]
    # `Cancel my subscription` names the only one.
    return len(things.usable(slot)) == sum(thing.kind == slot.kind for thing in things.all) == 1


def _names_amount(draft: ActDraft) -> bool:
    amount = draft.amount
    return len(amount.tokens) + len(amount.shares) <= 1 and not amount.odd

"""What speaks against acting on a message, whatever it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sayso.agent.base import Message
from sayso.agent.understanding.acts import OTHER, Cue, Mood
from sayso.agent.understanding.corrected import corrects, puts_right
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.patterns import Tag
from sayso.agent.understanding.playbook import DateSlot
from sayso.agent.understanding.reading import Reading, Span
from sayso.agent.understanding.state import ConversationState
from sayso.agent.understanding.strangers import strange_payee, strange_shop, stranger_beside

MOST_CUES = 24
"""A message with more words for acts is nothing for rules about sentences."""
MOST_CHARS, MOST_OF_A_CONVERSATION = 2_000, 8_000
"""What is longer is a letter: rules about sentences read it badly, and reading it takes long."""
_AGAINST = {Mood.DECLINED, Mood.CONDITIONAL, Mood.OTHERS, Mood.HESITANT}


def too_long(messages: Sequence[Message]) -> str | None:
    """Why a conversation is not read at all; None when it is."""
    sizes = [len(message.content) for message in messages]
    if max(sizes, default=0) > MOST_CHARS or sum(sizes) > MOST_OF_A_CONVERSATION:
        return "it is longer than what playbooks read"
    return None


@dataclass(frozen=True, slots=True)
class Objection:
    """Something that speaks against acting.

    Attributes:
        act: the playbook that it is about; None for whatever is asked for.
        against: words stand against it; else they merely do not show what is wanted.
    """

    why: str
    act: str | None = None
    against: bool = True


def objection(state: ConversationState, knowledge: Knowledge) -> str | None:
    """Why a person has to take it, in words; None when nothing speaks against acting."""
    found = next(objections(state, knowledge), None)
    return None if found is None else found.why


def objections(state: ConversationState, knowledge: Knowledge) -> Iterator[Objection]:
    """All that speaks against acting on the newest message."""
    reading, cues = state.reading, state.cues
    if reading is None:
        yield Objection("the customer has not written anything")
        return
    if any(not _asked_for(tag, cues) for tag in reading.found("threat")):
        yield Objection("it speaks of a dispute, an injury or a threat")
    if reading.has("payee"):
        yield Objection("it speaks of another account or payee")
    if strange_shop(reading) is not None:
        yield Objection("it speaks of something that was bought elsewhere")
    if any(cue.act == OTHER and cue.mood is Mood.ASKED for cue in cues):
        yield Objection("it asks for something that no playbook is for", against=False)
    if any(_beside(reading, cue, cues) for cue in cues):
        why = "the sentence speaks of something else that may be wished for"
        yield Objection(why, against=False)
    if _either(reading, cues):
        yield Objection("it asks for one thing or another", against=False)
    if len(cues) > MOST_CUES:
        yield Objection("it speaks of too many things at once", against=False)
    yield from _taken_back(state, reading, cues)
    for draft in state.open:
        mine = [cue for cue in cues if cue.act == draft.act]
        yield from _against(draft, mine, reading, knowledge)
    if not state.open:
        yield Objection("nothing is asked for that a playbook is for", against=False)


def _taken_back(
    state: ConversationState, reading: Reading, cues: Sequence[Cue]
) -> Iterator[Objection]:
    if state.declined:
        backs_out = reading.has("taken_back", "keep", "hesitation")
        yield Objection("the customer takes it back, or wants to think about it", against=backs_out)
    asked = [cue.start for cue in cues if cue.mood is Mood.ASKED]
    taken = ["taken_back"]
    if all(draft.amount.silent for draft in state.open):
        taken.append("keep")  # beside a part of the price it is no taking back
    meant = len(state.readings) > 1 and corrects(reading)
    if any(
        tag.start > max(asked, default=-1) and not (meant and puts_right(reading, tag))
        for tag in reading.found(*taken)
    ):
        yield Objection("the customer may take it back")


def _asked_for(tag: Tag, cues: Sequence[Cue]) -> bool:
    """Whether words are part of what asks for an act: `dispute` is a threat but where it is one."""
    return any(
        cue.mood is Mood.ASKED
        and cue.act != OTHER
        and cue.start <= tag.start
        and tag.end <= cue.end
        for cue in cues
    )


def _of_slot(reading: Reading, tag: Tag, act: str) -> bool:
    """Whether words say the value of a slot of the act, such as which paper is sent again."""
    prefixes = (f"choice:{act}.", f"said:{act}.", f"same_as:{act}.")
    return any(
        name.startswith(prefixes)
        for at in range(tag.start, tag.end)
        for name in reading.covering[at]
    )


def _beside(reading: Reading, cue: Cue, cues: Sequence[Cue]) -> bool:
    """Whether an act is mentioned in the sentence that asks for another one, and in no mood.

    Half a request is never done silently: `refund it, or at least pause my plan`.
    """
    sentence = reading.sentence_at(cue.start).span
    return cue.mood is Mood.MENTIONED and any(
        other.act != cue.act and other.mood is Mood.ASKED and other.start in sentence
        for other in cues
    )


def _either(reading: Reading, cues: Sequence[Cue]) -> bool:
    """Whether `or` stands between two acts that are asked for: `pause or cancel my box`."""
    asked = sorted((one for one in cues if one.mood is Mood.ASKED), key=lambda one: one.start)
    return any(
        one.act != other.act
        and one.end <= other.start
        and reading.sentence_at(one.start) == reading.sentence_at(other.start)
        and reading.has("or", within=Span(one.end, other.start))
        for one, other in pairwise(asked)
    )


def _against(
    draft: ActDraft, mine: Sequence[Cue], reading: Reading, knowledge: Knowledge
) -> Iterator[Objection]:
    """What speaks against one act, in the clauses that speak of it."""
    for cue in mine:
        if cue.mood in _AGAINST:
            yield Objection(f"`{draft.act}` is also {cue.mood.value}", draft.act)
        book = knowledge.playbook(draft.act)
        accounts = reading.found("account", within=cue.clause)
        strange = any(stranger_beside(reading, tag, cue.clause) for tag in accounts)
        if strange or strange_payee(reading, cue.clause):
            yield Objection("it speaks of another account or payee", draft.act)
        changing = ["changes", "authority"]
        if knowledge.playbook(draft.act).object_slot is not None:
            changing.append("extras")
        dated = False
        takes_days = any(True for _ in book.slots_of(DateSlot))
        if tuple(book.choice_slots()) and not takes_days:
            changing.append("date")
            tokens = reading.tokens[cue.clause.start : cue.clause.end]
            dated = any(t.kind == "noise" and not t.form and t.text[0].isdigit() for t in tokens)
            if reading.has("negation", within=cue.clause):
                changing.remove("date")  # `now, not in four days`
        changed = any(
            not _asked_for(tag, mine) and not _of_slot(reading, tag, draft.act)
            for tag in reading.found(*changing, within=cue.clause)
        )
        if cue.mood is Mood.ASKED and (dated or changed):
            why = "something in the sentence changes what is asked for"
            yield Objection(why, draft.act, against=False)

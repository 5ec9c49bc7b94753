"""A conversation as state: what is open, what was asked back or offered, and what an answer adds.

Our own questions come in as data. The text of another agent's turn is read with the same words as
a customer's, since a bot in front of Sayso may have asked before.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayso.agent.base import Message, Question
from sayso.agent.understanding.acts import OTHER, Mood, find_cues
from sayso.agent.understanding.answers import answer, pick
from sayso.agent.understanding.corrected import corrects, excuses
from sayso.agent.understanding.drafts import ActDraft, fill, read_asks
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.reading import Reading, Span, read
from sayso.agent.understanding.records import Things
from sayso.agent.understanding.state import ConversationState, Pending
from sayso.agent.understanding.tokens import TextToken

SHORT_ANSWER = 12
"""An answer of at most so many words may name an act without a word of wish."""


def follow(messages: Sequence[Message], things: Things, knowledge: Knowledge) -> ConversationState:
    """The state after the newest message."""
    state = ConversationState()
    language: str | None = None
    for message in messages:
        if message.question is not None:
            state.pending = _pending_of(message.question, things, knowledge)
            continue
        reading = read(message.content, knowledge, fallback=language, titles=things.words)
        language = reading.lexicon.language
        if message.role == "customer":
            _customer(state, reading, things, message.choice)
        else:
            _agent(state, reading, things)
    return state


def _pending_of(question: Question, things: Things, knowledge: Knowledge) -> Pending:
    """A question of our own, from its data."""
    values = [choice.value for choice in question.choices]
    objects = [thing.handle for v in values for thing in things.all if v in thing.names_of_record]
    book = knowledge.playbook_for(question.about)
    choices: dict[str, tuple[str, ...]] = {}
    amounts: tuple[TextToken, ...] = ()
    if book is not None:
        if any(name == question.slot for name, _ in book.choice_slots()):
            choices[f"{book.name}.{question.slot}"] = tuple(values)
        if book.money_slot is not None and book.money_slot[0] == question.slot:
            amounts = tuple(TextToken("number", v, 0, 0, digits=v) for v in values)
    return Pending(
        objects=tuple(objects),
        amounts=amounts,
        choices=choices,
        twins=set(values) == {"one", "both"},
        own=question,
    )


def _agent(state: ConversationState, reading: Reading, things: Things) -> None:
    """An agent's turn: an offer, a question, or the report that something is done."""
    state.agents.append(reading)
    if reading.has("reported") and not any(sentence.question for sentence in reading.sentences):
        state.open = []
        state.pending = None
        return
    offers = any(sentence.question for sentence in reading.sentences)
    cues = [
        cue for cue in find_cues(reading) if cue.form != "done" or offers or cue.mood is Mood.ASKED
    ]
    acts: list[ActDraft] = []
    for act in dict.fromkeys(cue.act for cue in cues if cue.act != OTHER):
        mine = tuple(cue for cue in cues if cue.act == act)
        book = next(b for b in reading.lexicon.playbooks if b.name == act)
        spans = _between(reading, mine[0].start, [cue.start for cue in cues if cue.act != act])
        acts.append(fill(ActDraft(act=act, cues=mine, spans=spans), reading, book, things))
    acts = _of_topic(acts, state, reading)
    objects = _objects_in_order(reading, things)
    choices = _choices_in_order(reading)
    asks = any(sentence.question for sentence in reading.sentences)
    silent = not (acts or objects or choices or reading.has("negation"))
    state.pending = Pending(
        open_question=asks and silent,
        together=len(acts) > 1 and not reading.has("or"),
        acts=tuple(acts),
        objects=objects,
        amounts=tuple(t for t in reading.tokens if t.kind == "money" and t.digits)
        if not acts
        else (),
        choices=choices,
        others=any(cue.act == OTHER for cue in cues),
    )


def _of_topic(acts: list[ActDraft], state: ConversationState, reading: Reading) -> list[ActDraft]:
    """`Should I cancel it?`: of acts with one word, the one on what was spoken of before."""
    kept: list[ActDraft] = []
    for draft in acts:
        places = {(cue.start, cue.end) for cue in draft.cues}
        shared = any(
            other is not draft and places & {(cue.start, cue.end) for cue in other.cues}
            for other in acts
        )
        slot = next(b for b in reading.lexicon.playbooks if b.name == draft.act).object_slot
        if not shared or (slot is not None and not state.topic.keys().isdisjoint(slot[1].kinds)):
            kept.append(draft)
    return kept or acts


def _between(reading: Reading, at: int, others: list[int]) -> tuple[Span, ...]:
    """All of the turn up to the words for the other acts."""
    joints = [tag.start for tag in reading.found("or", "and")]
    joints += [i for i, token in enumerate(reading.tokens) if token.kind in ("comma", "end")]
    before = max((other for other in others if other < at), default=-1)
    after = min((other for other in others if other > at), default=len(reading.tokens))
    start = max((j for j in joints if before < j < at), default=at) if before >= 0 else 0
    last = len(reading.tokens)
    end = max((j for j in joints if at < j < after), default=after) if after < last else last
    return (Span(start, end),)


def _objects_in_order(reading: Reading, things: Things) -> tuple[str, ...]:
    """What a turn names, in the order in which it does."""
    found: list[str] = []
    for at, token in enumerate(reading.tokens):
        handles: set[str] = set()
        if token.kind == "number":
            handles = {t.handle for t in things.all if token.text.lower() in t.references}
        for tag in (*reading.starting("product:"), *reading.starting("plan:")):
            if tag.start == at and not handles:
                handles = {t.handle for t in things.all if tag.name in t.names}
        if at in reading.titles and not handles:
            handles = set(reading.titles[at])
        if len(handles) > 1 and not handles & set(found):
            # One number of two payments; either of them is it.
            handles = {next(t.handle for t in things.all if t.handle in handles)}
        if not handles & set(found):
            found += sorted(handles)
    return tuple(found)


def _choices_in_order(reading: Reading) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tag in reading.starting("choice:"):
        slot, _, value = tag.name.removeprefix("choice:").rpartition(".")
        found[slot] = tuple(dict.fromkeys((*found.get(slot, ()), value)))
    return found


def _customer(
    state: ConversationState, reading: Reading, things: Things, choice: str | None = None
) -> None:
    state.reading = reading
    state.readings.append(reading)
    state.turns += 1
    state.moved = state.agreed = False
    state.cues = ()
    pending = state.pending
    if choice is not None and pending is not None and pending.own is not None:
        pick(state, pending, choice, things)
        state.pending = None
        return
    short = sum(token.kind == "word" for token in reading.tokens) <= SHORT_ANSWER
    in_dialogue = pending is not None or bool(state.open)
    moods = (Mood.ASKED, Mood.MENTIONED) if short and in_dialogue else (Mood.ASKED,)
    asks = read_asks(reading, things, moods=moods)
    state.cues, own = asks.cues, list(asks.drafts)
    if state.open and own and corrects(reading):
        # `Sorry, I meant order 1043` asks for no apology.
        excused = {tag.start for tag in excuses(reading)}
        own = [one for one in own if not all(cue.start in excused for cue in one.cues)]
    if in_dialogue:
        answer(state, reading, own, things)
    elif own:
        state.open, state.moved = own, True
    if not state.open:
        _remember(state, reading, things)
    state.pending = None


def _remember(state: ConversationState, reading: Reading, things: Things) -> None:
    """Objects that are spoken of before anything is asked for."""
    spans = tuple(sentence.span for sentence in reading.sentences)
    for book in reading.lexicon.playbooks:
        if book.object_slot is None:
            continue
        found = fill(ActDraft(act=book.name, spans=spans), reading, book, things).object
        if found.handles and not found.by_order:
            state.topic.update(dict.fromkeys((things.by(h).kind for h in found.handles), found))

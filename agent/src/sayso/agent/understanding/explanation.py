"""How the rules read a conversation, in lines for whoever wants to know why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sayso.agent.base import Handles, Message
from sayso.agent.understanding.dialogue import follow
from sayso.agent.understanding.drafts import ActDraft
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.objection import objection, too_long
from sayso.agent.understanding.reading import Reading, language_of
from sayso.agent.understanding.records import Things
from sayso.agent.understanding.state import ConversationState


def explain(
    messages: Sequence[Message], handles: Handles, knowledge: Knowledge
) -> tuple[str, list[str]]:
    """The language, and one line for each act that was found and what stands against it."""
    language = language_of(messages, knowledge)
    letter = too_long(messages)
    if letter is not None:
        return language, [letter]
    things = Things.of(handles.records, knowledge, handles.parts)
    state = follow(messages, things, knowledge)
    return language, [*_acts(state), *_open(state, things), *_against(state, knowledge)]


def _acts(state: ConversationState) -> Iterator[str]:
    reading = state.reading
    if reading is None:
        return
    for cue in state.cues:
        yield f"“{_words(reading, cue.start, cue.end)}” is {cue.act}, {cue.mood.value}"
    if not state.cues:
        yield "no words for anything that a playbook is for"


def _words(reading: Reading, start: int, end: int) -> str:
    return " ".join(token.text for token in reading.tokens[start:end])


def _open(state: ConversationState, things: Things) -> Iterator[str]:
    for draft in state.open:
        yield f"{draft.act}: {', '.join(_said(draft, things)) or 'nothing is said about it'}"


def _said(draft: ActDraft, things: Things) -> Iterator[str]:
    for found in (draft.object, draft.around):
        if found.handles:
            yield "on " + " and ".join(things.by(handle).record.title for handle in found.handles)
            break
        if found.why:
            yield found.why
            break
    if draft.amount.tokens:
        yield "amounts " + " and ".join(token.text for token in draft.amount.tokens)
    for name, values in draft.choices.items():
        if values:
            yield f"{name} {' or '.join(values)}"


def _against(state: ConversationState, knowledge: Knowledge) -> Iterator[str]:
    against = objection(state, knowledge)
    if against is not None:
        yield f"against it: {against}"

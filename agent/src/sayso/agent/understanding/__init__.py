"""Understanding what a customer asks for, without a model: pure functions over words and records.

`understand` takes a conversation, what the customer has and what can be done, and answers with a
plan, a question, or the reason why a person has to take it. `planner` puts it behind the contract
of every planner.

`reading` is one message as `tokens`, `clean` of what is not the customer's, by the `lexicon` of a
language (`pack`, `playbook`, their `patterns`), where each act (`act_file`) and the actions that
carry it out (`vocabulary`) make a playbook; a `postal` address is one token. `drafts` are what it
asks for: `acts`, `objects`, `amounts`; `strangers` and `objection` speak against it. `dialogue`
follows a conversation from `state` to state with its `answers`; `decision` makes a plan or a
question of it, filling by `fill_object`, `fill_amount` and `fill_text` (`days`, and what else
`find_more`, `find_plans` and `find_words` find), with `certainty` where no yes is needed, `naming`
where somebody else reads it anyway, and `agreement` for the yes. `records` are what the customer
has; `base` is what comes of it, `explanation` why. Where nothing is to be done, it is a `remark`,
and so is what is asked beside a wish; `withdrawn` tells a message that takes it all back, and
`corrected` one that puts it right or adds to it. `checklist` says what a language or an act lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayso.agent.base import Handles, Message, Remark
from sayso.agent.understanding.base import Understanding
from sayso.agent.understanding.corrected import bearing_of
from sayso.agent.understanding.decision import decide
from sayso.agent.understanding.dialogue import follow
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.objection import too_long
from sayso.agent.understanding.reading import language_of, read
from sayso.agent.understanding.records import Things
from sayso.agent.understanding.remark import read_aside, read_remark
from sayso.agent.understanding.withdrawn import takes_back

__all__ = [
    "Knowledge",
    "Understanding",
    "asked_beside",
    "bearing_of",
    "language_of",
    "takes_back",
    "understand",
]


def asked_beside(
    messages: Sequence[Message], handles: Handles, knowledge: Knowledge
) -> Remark | None:
    """What the newest message asks beside what is wished for; None where it asks nothing."""
    newest = messages[-1]
    if newest.role != "customer" or newest.choice is not None or "?" not in newest.content:
        return None
    things = Things.of(handles.records, knowledge, handles.parts)
    language = language_of(messages, knowledge)
    return read_aside(
        read(newest.content, knowledge, fallback=language, titles=things.words), things
    )


def understand(
    messages: Sequence[Message], handles: Handles, actions: Sequence[str], knowledge: Knowledge
) -> Understanding:
    """What a conversation asks for.

    Args:
        messages: oldest first; the last one is the customer's.
        handles: what the customer has.
        actions: names of the actions that can be planned.

    Guarantees: deterministic; no network, no model, no clock.
    """
    letter = too_long(messages)
    if letter is not None:
        return Understanding(hand_over=letter, language=language_of(messages, knowledge))
    things = Things.of(handles.records, knowledge, handles.parts)
    state = follow(messages, things, knowledge)
    found = decide(state, things, knowledge, frozenset(actions))
    if not found.hand_over:
        return found
    remark = read_remark(messages, state.reading, things, found.hand_over)
    return replace(found, remark=remark)

"""Understanding what a customer asks for, without a model: pure functions over words and records.

`understand` takes a conversation, what the customer has and what can be done, and answers with a
plan, a question, or the reason why a person has to take it. `planner` puts it behind the contract
of every planner.
"""

from __future__ import annotations

from collections.abc import Sequence

from sayso.agent.base import Handles, Message
from sayso.agent.understanding.base import Understanding
from sayso.agent.understanding.decision import decide
from sayso.agent.understanding.dialogue import follow
from sayso.agent.understanding.lexicon import Knowledge
from sayso.agent.understanding.objection import too_long
from sayso.agent.understanding.reading import language_of, says_yes
from sayso.agent.understanding.records import Things

__all__ = ["Knowledge", "Understanding", "language_of", "says_yes", "understand"]


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
    things = Things.of(handles.records, knowledge)
    return decide(follow(messages, things, knowledge), things, knowledge, frozenset(actions))

"""Which messages take back what was asked for, and which only sound like it."""

from __future__ import annotations

import pytest
from agent.understanding.demo import knowledge

from sayso.agent.base import Message
from sayso.agent.understanding import takes_back

PLAIN = (
    "actually no, stop, I'll keep it",
    "never mind, thanks!",
    "Oh wait, I will keep the mugs after all.",
    "cancel that please",
    "I would like to keep my subscription",
    "don't refund it, I'd rather keep it",
    "Doch nicht, ich behalte es.",
    "Stopp, ich habe es mir anders überlegt",
    "Finalement non, je le garde.",
    "Me lo quedo, déjenlo por favor",
    "Lasciate stare, lo tengo.",
    "Laat maar, ik hou het.",
    "Deixem estar, fico com ele. Obrigado",
)
MORE = (
    "Stop my subscription please",
    "stop, make it $20 instead",
    "maybe I should keep it, not sure",
    "can I keep the mug and still get the refund?",
    "When will I have the money?",
    "thanks a lot!",
    "stop charging me every month",
    "I want to keep my account but cancel the order",
    "never mind the delay, just refund me",
    "stop sending the newsletter to my old address",
    "keep $20 and refund the rest",
    "forget about the credit, I want a refund instead",
    "If it is too late, keep it",
    "Correction: it is order 1043",
    "Wait",
    "Ich behalte es, wenn Sie mir 20 € erstatten",
    "Stop if my brother has not paid",
    "stop " * 80,
    "",
)


def _read(text: str) -> bool:
    before = Message(role="customer", content="please refund order 1042, it broke")
    newest = Message(role="customer", content=text)
    return takes_back([before, newest], knowledge())


@pytest.mark.promise("agent:thread")
@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_taking_back_is_one(text: str) -> None:
    """In seven languages, with politeness and the customer's things beside."""
    assert _read(text)


@pytest.mark.promise("agent:thread")
@pytest.mark.parametrize("text", MORE)
def test_what_says_more_is_none(text: str) -> None:
    """A question, a wish, an amount, a condition, doubt, somebody else, or only a long one."""
    assert not _read(text)


def test_an_agents_words_take_nothing_back() -> None:
    """Only the customer can."""
    assert not takes_back([Message(role="agent", content="never mind")], knowledge())

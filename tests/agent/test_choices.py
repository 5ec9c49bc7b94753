"""What a question offers: each value picks one thing, never more things than somebody reads."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from agent.shop import ACTIONS, KNOWLEDGE, charge, said

from sayso.actions.model.act import ActUse
from sayso.actions.model.definition import Action, Args, Effect, at_most_once
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message, Question
from sayso.agent.phrases import LANGUAGES, phrases_of
from sayso.agent.question import MOST_CHOICES, text_of, with_ids, write_question
from sayso.agent.understanding import understand
from sayso.agent.understanding.planner import load_knowledge

ASK = "I want a refund for one of my orders, it came broken."
BY_NAME = {one.name: one for one in ACTIONS}


def asked(messages: Sequence[Message], handles: Handles, language: str = "en") -> Question:
    """The question that a conversation comes to, as it is stored and read."""
    found = understand(messages, handles, [*BY_NAME], KNOWLEDGE).question
    assert found is not None
    stored = with_ids(found, handles)
    return write_question(stored, language=language, handles=handles, actions=BY_NAME)


def steps(messages: Sequence[Message], handles: Handles) -> list[str]:
    """The handles of the charges that a conversation is planned for."""
    plan = understand(messages, handles, [*BY_NAME], KNOWLEDGE).plan
    return [] if plan is None else [str(step.args["charge"]) for step in plan.steps]


class Of(Args):
    """An order."""

    order: str


CANCELS = tuple(
    Action(
        name=f"{shop}.cancel",
        summary="Cancel an order",
        args=Of,
        guarantee=at_most_once(),
        effect=Effect.CHANGE,
        reversible=False,
        sentence="Cancel {order}",
        act=ActUse(name="cancel_order", on="order", fills={"order": "object"}),
    )
    for shop in ("north", "south")
)


@pytest.mark.promise("agent:one-choice-one-thing")
@pytest.mark.parametrize("pick", [0, 1])
def test_one_number_at_two_shops_is_two_choices(pick: int) -> None:
    """Whichever is picked is the only one that is cancelled, at its own shop."""
    knowledge, words = load_knowledge(actions=CANCELS), "Please cancel order 1042."
    names = {one.name: one for one in CANCELS}
    handles = Handles(
        Record(
            kind="order",
            id="1042",
            title=f"Order 1042: {what}",
            connector=shop,
            references=("1042",),
        )
        for shop, what in (("north", "blue mug"), ("south", "red lamp"))
    )
    found = understand(said(words), handles, [*names], knowledge).question
    assert found is not None
    stored = with_ids(found, handles)
    question = write_question(stored, language="en", handles=handles, actions=names)
    values = [one.value for one in question.choices]
    assert len(set(values)) == len({one.label for one in question.choices}) == 2
    answered = [
        *said(words),
        Message(role="agent", content="", question=question),
        Message(role="customer", content=question.choices[pick].label, choice=values[pick]),
    ]
    plan = understand(answered, handles, [*names], knowledge).plan
    assert plan is not None
    done = [(step.action, step.args["order"]) for step in plan.steps]
    assert done == [(f"{('north', 'south')[pick]}.cancel", f"order#{pick + 1}")]


@pytest.mark.promise("agent:one-choice-one-thing")
@pytest.mark.parametrize("language", LANGUAGES)
def test_of_five_hundred_orders_the_newest_ten_are_offered(language: str) -> None:
    """And it is said that there are more; one that isn't offered is named by its number."""
    handles = Handles(
        charge(
            f"ch_{number}",
            f"Order {number}: soap",
            1_000 + number,
            created=f"2026-{1 + number % 9:02}-{1 + number % 28:02}T10:00:00Z",
            order=str(number),
        )
        for number in range(2_000, 2_500)
    )
    question = asked(said(ASK), handles, language)
    assert len(question.choices) == MOST_CHOICES
    dates = sorted(str(one.facts["created"]) for one in handles.records.values())
    offered = {one.value for one in question.choices}
    shown = [str(one.facts["created"]) for one in handles.records.values() if one.id in offered]
    assert sorted(shown) == dates[-MOST_CHOICES:]
    text = text_of(question, language=language, handles=handles, actions=BY_NAME)
    assert phrases_of(language).more in text
    again = text_of(question, language=language, handles=handles, actions=BY_NAME, again=True)
    assert again.startswith(phrases_of(language).again)
    assert again != text
    named = next(n for n in range(2_000, 2_500) if f"ch_{n}" not in offered)
    answered = [
        *said(ASK),
        Message(role="agent", content=text, question=question),
        *said(str(named)),
    ]
    assert steps(answered, handles) == [f"charge#{named - 1_999}"]

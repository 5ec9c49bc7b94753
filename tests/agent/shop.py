"""One customer with two charges and a subscription, and the actions of the default set."""

from __future__ import annotations

from sayso.actions.model.act import ActUse
from sayso.actions.model.definition import Action, Args, Effect, at_most_once
from sayso.actions.model.snapshot import Record
from sayso.agent.base import Handles, Message
from sayso.agent.understanding.planner import load_knowledge
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.money import Money


class _Mail(Args):
    title: str
    body: str


APOLOGY = Action(
    name="email.send_apology",
    summary="Send an apology to the address on file",
    args=_Mail,
    guarantee=at_most_once(),
    effect=Effect.MESSAGE,
    reversible=False,
    sentence="Send an apology",
    act=ActUse(name="apology", fixed={"title": "We are sorry", "body": "We are sorry."}),
)
ACTIONS = (REFUND, CANCEL_SUBSCRIPTION, CREDIT, APOLOGY)


def charge(
    charge_id: str,
    title: str,
    minor: int,
    *,
    left: int | None = None,
    created: str = "2026-11-12T10:00:00Z",
    currency: str = "USD",
    order: str = "",
) -> Record:
    """A paid charge; all of it is left unless said otherwise."""
    amount = Money(minor, currency)
    return Record(
        kind="charge",
        id=charge_id,
        title=f"{amount} on {created[:10]}, {title}, Visa ..4242",
        facts={
            "amount": amount,
            "left": Money(minor if left is None else left, currency),
            "created": created,
            "status": "succeeded",
        },
        references=(*([order] if order else []), charge_id),
    )


MUG = charge("ch_mug1", "Order 1042: blue mug", 12900, order="1042")
LAMP = charge(
    "ch_lamp1", "Order 1031: red lamp", 4200, created="2026-11-02T10:00:00Z", order="1031"
)
SUBSCRIPTION = Record(
    kind="subscription",
    id="sub_pro1",
    title="subscription Pro, $12.00 per month, active",
    facts={"price": Money(1200, "USD"), "status": "active", "created": "2026-01-01T00:00:00Z"},
    references=("sub_pro1",),
)
HANDLES = Handles([MUG, LAMP, SUBSCRIPTION])
KNOWLEDGE = load_knowledge(actions=ACTIONS)


def said(*words: str) -> list[Message]:
    """A conversation of the customer's messages only."""
    return [Message(role="customer", content=text) for text in words]

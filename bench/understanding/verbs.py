"""What the providers of the development set can do: a row an action, as connectors declare it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from sayso.actions.model.definition import Args, Effect
from sayso.money import Money

Text = Annotated[str, Field(max_length=200)]
When = Literal["now", "period_end"]


class ChargeArgs(Args):
    """A payment, and how much of it; all that is left where nothing is said."""

    charge: str
    amount: Money | None = None
    reason: str | None = None


class SubscriptionArgs(Args):
    """A subscription."""

    subscription: str


class EndArgs(SubscriptionArgs):
    """A subscription, and when it ends."""

    when: When = "period_end"


class PauseArgs(SubscriptionArgs):
    """A subscription, and the ISO date until which it rests; open-ended without one."""

    until: Text | None = None


class ResumeArgs(SubscriptionArgs):
    """A subscription, and the ISO date at which it goes on; at once without one."""

    at: Text | None = None


class PlanArgs(SubscriptionArgs):
    """A subscription, and the name of its new plan."""

    plan: Text


class CreditArgs(Args):
    """How much credit."""

    amount: Money
    note: Text | None = None


class LetterArgs(Args):
    """A letter to the address on file."""

    title: Text
    body: str


class OrderArgs(Args):
    """An order."""

    order: str


class ReturnArgs(OrderArgs):
    """An order, and which part of it goes back; all of it where nothing is said."""

    item: Text | None = None
    quantity: int | None = None


class ExchangeArgs(OrderArgs):
    """An order, and what is wanted in its place."""

    want: Text | None = None


class AddressArgs(Args):
    """An address, in the parts that are said of it."""

    street: Text
    zip: Text | None = None
    city: Text | None = None
    province: Text | None = None
    country: Text | None = None


class OrderAddressArgs(AddressArgs):
    """An order, and where it goes."""

    order: str


class SubscriptionAddressArgs(AddressArgs):
    """A subscription, and where it goes."""

    subscription: str


class ContactArgs(Args):
    """What is changed about how the customer is reached."""

    field: Literal["email", "phone", "name"]
    value: Text


class ResendArgs(OrderArgs):
    """Which paper of an order is sent again."""

    what: Text


class ResendInvoiceArgs(SubscriptionArgs):
    """Which paper of a subscription is sent again."""

    what: Text


class DeliveryArgs(Args):
    """A subscription's next delivery."""

    contract: str


class MoveArgs(DeliveryArgs):
    """A subscription's next delivery, and its new ISO date."""

    date: Text


class DisputeArgs(Args):
    """A payment that is contested, or no longer."""

    charge: str
    do: Literal["open", "withdraw"] = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One action of a double.

    Attributes:
        name: `connector.verb`. act, on: as the labels and the manifests call it.
        about: the argument that names the object; empty where it is the customer's account.
        kind: the kind of the object, as a record's.
        slots: what an argument is called in the labels.
        fills: the act's slot of an argument, where the labels call it otherwise.
        states: in which the object can be meant; empty for any.
        money: whether it has an amount.
        alone: whether the policy of the bench lets it go on without a person.
        does: which fields of the object it changes.
    """

    name: str
    act: str
    on: str
    args: type[Args]
    effect: Effect
    about: str = ""
    kind: str = ""
    slots: Mapping[str, str] = field(default_factory=dict[str, str])
    fills: Mapping[str, str] = field(default_factory=dict[str, str])
    states: tuple[str, ...] = ()
    money: bool = False
    alone: bool = False
    does: Mapping[str, str] = field(default_factory=dict[str, str])


PLACE = {part: f"to.{part}" for part in ("street", "zip", "city", "province", "country")}
"""Which part of an address fills which argument."""


def _verb(name: str, act: str, on: str, args: type[Args], **more: object) -> Verb:
    about = on if on in args.model_fields else ""
    given: dict[str, object] = {"effect": Effect.CHANGE, "about": about, "kind": on, **more}
    return Verb(name=name, act=act, on=on, args=args, **given)  # type: ignore[arg-type]


VERBS = (
    _verb(
        "stripe.refund",
        "refund",
        "charge",
        ChargeArgs,
        effect=Effect.MONEY_OUT,
        slots={"amount": "amount"},
        money=True,
        alone=True,
    ),
    _verb(
        "stripe.cancel_subscription",
        "cancel_subscription",
        "subscription",
        EndArgs,
        effect=Effect.CANCELLATION,
        slots={"when": "when"},
        alone=True,
        states=("active", "trialing", "past_due", "paused"),
        does={"state": "ended"},
    ),
    _verb(
        "stripe.pause_subscription",
        "pause",
        "subscription",
        PauseArgs,
        slots={"until": "until"},
        does={"state": "paused"},
    ),
    _verb(
        "stripe.resume_subscription",
        "resume",
        "subscription",
        ResumeArgs,
        slots={"at": "at"},
        does={"state": "active"},
    ),
    _verb("stripe.change_plan", "change_plan", "subscription", PlanArgs, slots={"plan": "to"}),
    _verb(
        "stripe.credit",
        "credit",
        "",
        CreditArgs,
        effect=Effect.CREDIT,
        slots={"amount": "amount"},
        money=True,
        alone=True,
    ),
    _verb("stripe.dispute", "dispute", "charge", DisputeArgs, slots={"do": "do"}),
    _verb(
        "stripe.resend_invoice", "resend", "subscription", ResendInvoiceArgs, slots={"what": "what"}
    ),
    _verb("email.send_apology", "apology", "", LetterArgs, effect=Effect.MESSAGE, alone=True),
    _verb(
        "shop.cancel_order",
        "cancel_order",
        "order",
        OrderArgs,
        effect=Effect.CANCELLATION,
        states=("unshipped",),
        does={"state": "cancelled"},
    ),
    _verb(
        "shop.return_order",
        "return",
        "order",
        ReturnArgs,
        slots={"item": "item", "quantity": "quantity"},
    ),
    _verb("shop.exchange_order", "exchange", "order", ExchangeArgs, slots={"want": "to"}),
    _verb(
        "shop.change_order_address",
        "change_address",
        "order",
        OrderAddressArgs,
        slots=dict.fromkeys(PLACE, "to"),
        fills=PLACE,
        states=("unshipped",),
    ),
    _verb(
        "shop.change_box_address",
        "change_address",
        "subscription",
        SubscriptionAddressArgs,
        slots=dict.fromkeys(PLACE, "to"),
        fills=PLACE,
    ),
    _verb(
        "shop.change_address",
        "change_address",
        "",
        AddressArgs,
        slots=dict.fromkeys(PLACE, "to"),
        fills=PLACE,
    ),
    _verb(
        "shop.change_contact",
        "change_contact",
        "",
        ContactArgs,
        slots={"field": "field", "value": "to"},
    ),
    _verb("shop.resend", "resend", "order", ResendArgs, slots={"what": "what"}),
    _verb("shop.skip_delivery", "skip", "contract", DeliveryArgs),
    _verb("shop.move_delivery", "move", "contract", MoveArgs, slots={"date": "to"}),
)
"""Refunds, cancellations of subscriptions, credit and apologies are named as the playbooks that
ship with Sayso name them."""
BY_NAME = {verb.name: verb for verb in VERBS}

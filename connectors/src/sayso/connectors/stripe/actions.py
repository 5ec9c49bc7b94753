"""What the Stripe connector can do, as definitions. Importing this imports no SDK."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sayso.actions.model.act import NO_ACT, ActUse
from sayso.actions.model.customer_words import read_words
from sayso.actions.model.definition import Action, Args, Effect, Fact, Undo, idempotent, verifiable
from sayso.money import Money

KEY_HOURS = 24
"""Stripe keeps an idempotency key for at least this long. Source: Stripe docs: Idempotent
requests."""

SETTLE_AFTER_S = 120
"""By then a request that Stripe still worked on has ended: its own SDKs wait 80 s for an answer."""

_HELD_AT_STRIPE = idempotent(
    hours=KEY_HOURS,
    settle_after_s=SETTLE_AFTER_S,
    record="with",
    source="https://docs.stripe.com/api/refunds/create",
)
"""Stripe holds the money: the refund that is listed is the one that was made."""

_WORDS = read_words("sayso.connectors.stripe")

RefundReason = Literal["duplicate", "fraudulent", "requested_by_customer"]

_PAYMENT = r"^(ch|py|pi)_[A-Za-z0-9_]{1,120}$"
_BALANCE_CHANGE = r"^cbtxn_[A-Za-z0-9_]{1,120}$"
_SUBSCRIPTION = r"^sub_[A-Za-z0-9_]{1,120}$"


class RefundArgs(Args):
    """Arguments of `stripe.refund`.

    Attributes:
        charge: `ch_…`, `py_…` or the payment intent `pi_…`.
        amount: how much; all that is left when absent.
        reason: what Stripe files it under. `fraudulent` also puts card and e-mail on Stripe's
            block lists.
    """

    charge: Annotated[str, Field(pattern=_PAYMENT, description="the payment, such as ch_123")]
    amount: Annotated[Money | None, Field(description="how much; all that is left if absent")] = (
        None
    )
    reason: Annotated[RefundReason | None, Field(description="Stripe's reason")] = None


class CancelArgs(Args):
    """Arguments of `stripe.cancel_subscription`.

    Attributes:
        subscription: `sub_…`.
        when: `now` ends it at once; `period_end` lets the paid period run out.
    """

    subscription: Annotated[
        str, Field(pattern=_SUBSCRIPTION, description="the subscription, such as sub_123")
    ]
    when: Annotated[Literal["now", "period_end"], Field(description="when it ends")] = "period_end"


class CreditArgs(Args):
    """Arguments of `stripe.credit`.

    Attributes:
        amount: how much credit towards later invoices.
        note: what the invoice says about it; the customer may read it.
    """

    amount: Annotated[Money, Field(description="how much credit")]
    note: Annotated[str | None, Field(max_length=200, description="why, on the invoice")] = None


class KeepArgs(Args):
    """Arguments of `stripe.keep_subscription`.

    Attributes:
        subscription: `sub_…`, which ends with its paid period as it is.
    """

    subscription: Annotated[
        str, Field(pattern=_SUBSCRIPTION, description="the subscription, such as sub_123")
    ]


class TakeBackCreditArgs(Args):
    """Arguments of `stripe.take_back_credit`.

    Attributes:
        credit: `cbtxn_…`, the balance change that gave it.
    """

    credit: Annotated[
        str, Field(pattern=_BALANCE_CHANGE, description="the credit, such as cbtxn_123")
    ]


PLAN = Fact(type="string", on_demand=True)
"""What your shop wrote into the customer's `metadata.plan` at Stripe; empty where there is none."""

REFUND = Action(
    name="stripe.refund",
    summary="Refund a charge, fully or partly, to the card that paid",
    args=RefundArgs,
    guarantee=_HELD_AT_STRIPE,
    effect=Effect.MONEY_OUT,
    reversible=False,
    sentence="Refund {amount} of {charge}",
    money_arg="amount",
    facts={
        "tenure_days": "long",
        "plan": PLAN,
        "charge_age_days": "long",
        "charge_amount": "decimal",
        "refunded_before": "long",
        "refunded_total": "decimal",
        "full": "bool",
        "reason": "string",
        "livemode": "bool",
    },
    words=_WORDS["refund"],
    act=ActUse(
        name="refund",
        on="charge",
        fixed={"reason": "requested_by_customer"},
        status=("succeeded",),
        needs="left",
        duplicates_within_h=72,
    ),
)
"""Facts: `tenure_days` since the customer was made · `plan`, which is the customer's
`metadata.plan` or empty · `charge_age_days` · `charge_amount` as paid ·
`refunded_before`: how many of the customer's newest 100 charges had money refunded already, and
`refunded_total` how much of those in this charge's currency, by whomever ·
`full`: nothing of the charge is left afterwards · `reason` or empty · `livemode`."""

CANCEL_SUBSCRIPTION = Action(
    name="stripe.cancel_subscription",
    summary="Cancel a subscription, at once or when the paid period ends",
    args=CancelArgs,
    # SOURCE: Stripe docs: Idempotent requests: keys have no effect on DELETE, so it is looked up.
    guarantee=verifiable(settle_after_s=SETTLE_AFTER_S),
    effect=Effect.CANCELLATION,
    reversible=False,
    sentence="Cancel {subscription} {when}",
    undo=Undo(
        action="stripe.keep_subscription",
        args={"subscription": "receipt"},
        only={"when": "period_end"},
    ),
    facts={
        "tenure_days": "long",
        "plan": PLAN,
        "subscription_age_days": "long",
        "days_left": "long",
        "price": "decimal",
        "interval": "string",
        "status": "string",
        "at_once": "bool",
        "ending": "bool",
        "livemode": "bool",
    },
    words=_WORDS["cancel_subscription"],
    act=ActUse(name="cancel_subscription", on="subscription", status=("active", "trialing")),
)
"""Facts: `tenure_days` · `plan` · `subscription_age_days` · `days_left` of the paid period ·
`price` per `interval` (`month`, `3 months`, `year`, …), 0 when it has none · Stripe's `status` ·
`at_once` · `ending`: it is set to end by itself already, on whatever day · `livemode`."""

CREDIT = Action(
    name="stripe.credit",
    summary="Give account credit towards later invoices",
    args=CreditArgs,
    guarantee=_HELD_AT_STRIPE,
    effect=Effect.CREDIT,
    reversible=True,
    sentence="Give {amount} of account credit",
    undo=Undo(action="stripe.take_back_credit", args={"credit": "receipt"}),
    money_arg="amount",
    facts={
        "tenure_days": "long",
        "plan": PLAN,
        "credited_before": "long",
        "credit_left": "decimal",
        "livemode": "bool",
    },
    words=_WORDS["credit"],
    act=ActUse(name="credit"),
)
"""Facts: `tenure_days` · `plan` · `credited_before`: how many of the customer's newest 100 balance
changes were credits · `credit_left`: credit that is still unused · `livemode`."""

KEEP_SUBSCRIPTION = Action(
    name="stripe.keep_subscription",
    summary="Let a subscription go on that was to end with its paid period",
    args=KeepArgs,
    guarantee=idempotent(hours=KEY_HOURS, settle_after_s=SETTLE_AFTER_S),
    effect=Effect.CHANGE,
    reversible=True,
    sentence="Let {subscription} go on",
    facts={"status": "string", "livemode": "bool"},
    act=ActUse(name=NO_ACT, because="it takes a cancellation back within a plan"),
)
"""Facts: Stripe's `status` · `livemode`."""

TAKE_BACK_CREDIT = Action(
    name="stripe.take_back_credit",
    summary="Take back account credit that was given",
    args=TakeBackCreditArgs,
    guarantee=idempotent(hours=KEY_HOURS, settle_after_s=SETTLE_AFTER_S),
    effect=Effect.CHANGE,
    reversible=False,
    sentence="Take back {amount} of account credit",
    facts={"credit_left": "decimal", "livemode": "bool"},
    act=ActUse(name=NO_ACT, because="it takes a credit back within a plan"),
)
"""Facts: `credit_left`: credit that is still unused; less than the amount when invoices have used
some of it up, and then the next invoice is higher · `livemode`."""

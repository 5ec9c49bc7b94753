"""What happened to a customer at Stripe, by whomever: refunds, credit, ended subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import SeenEffect
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.connectors.stripe.credits import balance_page
from sayso.connectors.stripe.currency import told_by_stripe
from sayso.connectors.stripe.customer import is_of_an_action, read_customer
from sayso.connectors.stripe.proof import PAGE
from sayso.connectors.stripe.records import MOST_RECORDS

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

_MICROS = 1_000_000


async def effects_of(api: StripeApi, subject: Subject, since: int) -> list[SeenEffect]:
    """See `EffectBook.effects_of`: of the newest charges, changes of balance and subscriptions."""
    customer = await read_customer(api, subject)
    charges = await api.read(
        lambda client: client.v1.charges.list_async(
            {"customer": customer.id, "limit": MOST_RECORDS}
        )
    )
    found: list[SeenEffect] = []
    for charge in charges.data:
        if charge.amount_refunded:
            refunds = await api.read(
                lambda client, charge=charge: client.v1.refunds.list_async(  # type: ignore[misc]
                    {"charge": charge.id, "limit": PAGE}
                )
            )
            found += _refunds(charge, refunds.data)
    changes = await balance_page(api, customer.id)
    found += _credits(customer.id, changes.data)
    subscriptions = await api.read(
        lambda client: client.v1.subscriptions.list_async(
            {"customer": customer.id, "limit": MOST_RECORDS, "status": "all"}
        )
    )
    found += _ended(subscriptions.data)
    return [effect for effect in found if effect.at >= since]


def _refunds(charge: stripe.Charge, refunds: list[stripe.Refund]) -> Iterator[SeenEffect]:
    for refund in refunds:
        if refund.status not in ("failed", "canceled"):
            yield SeenEffect(
                action=REFUND.name,
                object_id=charge.id,
                amount=told_by_stripe(refund.amount, refund.currency),
                at=refund.created * _MICROS,
                is_ours=is_of_an_action(refund.metadata),
            )


def _credits(
    customer: str, changes: list[stripe.CustomerBalanceTransaction]
) -> Iterator[SeenEffect]:
    for change in changes:
        if change.type == "adjustment" and change.amount < 0:
            yield SeenEffect(
                action=CREDIT.name,
                object_id=customer,
                amount=told_by_stripe(-change.amount, change.currency),
                at=change.created * _MICROS,
                is_ours=is_of_an_action(change.metadata),
            )


def _ended(subscriptions: list[stripe.Subscription]) -> Iterator[SeenEffect]:
    for one in subscriptions:
        if one.canceled_at:
            yield SeenEffect(
                action=CANCEL_SUBSCRIPTION.name,
                object_id=one.id,
                amount=None,
                at=one.canceled_at * _MICROS,
                is_ours=is_of_an_action(one.metadata),
            )

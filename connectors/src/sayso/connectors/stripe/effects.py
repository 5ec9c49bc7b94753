"""What happened to a customer at Stripe, by whomever: refunds, credit, ended subscriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from sayso.actions.model.definition import Subject
from sayso.actions.model.snapshot import SeenEffect
from sayso.connectors.stripe.actions import CANCEL_SUBSCRIPTION, CREDIT, REFUND
from sayso.connectors.stripe.credits import balance_page
from sayso.connectors.stripe.currency import told_by_stripe
from sayso.connectors.stripe.customer import REFERENCE, is_of_an_action, read_customer
from sayso.connectors.stripe.proof import PAGE
from sayso.connectors.stripe.records import MOST_RECORDS
from sayso.connectors.stripe.subscriptions import is_ended_by_action
from sayso.errors import RefusedError
from sayso.text import plain

if TYPE_CHECKING:
    import stripe  # only the types: the SDK itself is imported by the first call

    from sayso.connectors.stripe.api import StripeApi

_MICROS = 1_000_000


async def effects_of(api: StripeApi, subject: Subject, since: int) -> list[SeenEffect]:
    """See `EffectBook.effects_of`: of the newest charges, changes of balance and subscriptions."""
    customer = await read_customer(api, subject)
    charges: stripe.ListObject[stripe.Charge] = await api.read(
        "charges", customer=customer.id, limit=MOST_RECORDS
    )
    found: list[SeenEffect] = []
    for charge in charges.data:
        if charge.amount_refunded:
            refunds = await api.read("refunds", charge=charge.id, limit=PAGE)
            found += _refunds(charge, refunds.data)
    changes = await balance_page(api, customer.id)
    found += _credits(customer.id, changes.data)
    subscriptions: stripe.ListObject[stripe.Subscription] = await api.read(
        "subscriptions", customer=customer.id, limit=MOST_RECORDS, status="all"
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
                id=refund.id,
                owner=charge.customer if isinstance(charge.customer, str) else "",
                title=plain(charge.description, limit=100) or charge.id,
            )


async def refunds_told(api: StripeApi, kind: str, object_id: str) -> list[SeenEffect]:
    """See `RefundBook.refunds_told`: one refund, or the newest `PAGE` of a charge."""
    refunds: list[stripe.Refund] = []
    if kind == "refund":
        one: stripe.Refund | None = await api.find("refunds", object_id)
        if one is None or not isinstance(one.charge, str):
            return []
        refunds, charge_id = [one], one.charge
    elif kind == "charge":
        charge_id = object_id
    else:
        return []
    charge: stripe.Charge | None = await api.find("charges", charge_id)
    if charge is None:
        return []
    if kind == "charge":
        refunds = (await api.read("refunds", charge=charge_id, limit=PAGE)).data
    found = list(_refunds(charge, refunds))
    if all(effect.is_ours for effect in found) or not isinstance(charge.customer, str):
        return found
    noted = await _of_our_credit_notes(api, charge.customer)
    return [replace(one, is_ours=one.is_ours or one.id in noted) for one in found]


async def _of_our_credit_notes(api: StripeApi, customer: str) -> frozenset[str]:
    """Refunds that a credit note of ours has made; only the note has our reference then.

    A key that may not read credit notes is no error: whoever gives none makes none.
    """
    try:
        notes: stripe.ListObject[stripe.CreditNote] = await api.read(
            "credit_notes", customer=customer, limit=PAGE
        )
    except RefusedError:
        return frozenset()
    ours = [note for note in notes.data if note.metadata and REFERENCE in note.metadata]
    made = [part.refund for note in ours if "refunds" in note for part in note.refunds]
    return frozenset(one if isinstance(one, str) else one.id for one in made)


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
                is_ours=is_ended_by_action(one),
            )

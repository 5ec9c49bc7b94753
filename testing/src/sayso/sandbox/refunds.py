"""Money out: refunds of charges, by charge or by payment intent."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

from sayso.sandbox.call import EndpointCall, page
from sayso.sandbox.journal import JournalEffect
from sayso.sandbox.params import merge_metadata
from sayso.sandbox.payments import TEST_CARDS
from sayso.sandbox.problems import (
    StripeError,
    already_refunded,
    charged_back,
    missing_resource,
    too_much,
)
from sayso.sandbox.rows import Charge, PaymentIntent, Refund, RefundStatus
from sayso.sandbox.shapes import Json
from sayso.sandbox.state import Work

REFUND_TAKES_S = 24 * 3600
"""So long after it the bank answers about a refund that is not done at once."""
_EXPIRED = "expired_or_canceled_card"


class _Later(TypedDict, total=False):
    """What `Refund` says of its end."""

    status: RefundStatus
    ends_at: int
    ends_as: RefundStatus
    failure_reason: str


REFUND_PARAMS = frozenset({"charge", "payment_intent", "amount", "reason", "metadata", "expand"})
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create_refund(call: EndpointCall) -> Json:
    """POST /v1/refunds: all that is left of the charge, or `amount` of it.

    Source: Stripe docs: Create a refund.
    """
    asked = call.params.amount("amount")
    reason = call.params.choice("reason", _REASONS)
    metadata = merge_metadata({}, call.params.mapping("metadata"))
    charge = _charge_of(call)
    amount = charge.unrefunded if asked is None else asked
    if not call.work.buggy:
        call.params.check_units("amount", amount, charge.currency)
        _check(charge, amount)
    elif asked is None:
        amount = charge.taken  # NOTE: the provider forgot that it had refunded it before
    refund = Refund(
        id=call.work.new_id("re"),
        created=call.now,
        amount=amount,
        currency=charge.currency,
        charge=charge.id,
        payment_intent=charge.payment_intent,
        reason=reason,
        metadata=metadata,
        **_later(call, charge),
    )
    call.work.put(replace(charge, amount_refunded=charge.amount_refunded + amount))
    call.work.record(
        lambda number: JournalEffect(
            number=number,
            at=call.now,
            kind="refund",
            id=refund.id,
            target=charge.id,
            customer=charge.customer,
            amount=amount,
            currency=charge.currency,
            metadata=metadata,
            idempotency_key=call.work.key,
        )
    )
    return call.show(call.work.put(refund))


def _later(call: EndpointCall, charge: Charge) -> _Later:
    """How a refund to that card begins and ends. Source: Stripe docs: Testing, refunds."""
    kind = next((card.refund for card in TEST_CARDS.values() if card.last4 == charge.last4), "")
    ends_at = call.now + REFUND_TAKES_S
    match kind:
        case "pending":
            return _Later(status="pending", ends_at=ends_at)
        case "fails":
            failed: RefundStatus = "failed"
            return _Later(ends_at=ends_at, ends_as=failed, failure_reason=_EXPIRED)
        case _:
            return _Later()


def end_refund(work: Work, refund: Refund) -> None:
    """What a bank answers in the end: it is done, or the money is back."""
    work.put(replace(refund, status=refund.ends_as, ends_at=None))
    charge = work.get(Charge, refund.charge)
    if refund.ends_as in {"failed", "canceled"} and charge is not None:
        work.put(replace(charge, amount_refunded=charge.amount_refunded - refund.amount))


def _charge_of(call: EndpointCall) -> Charge:
    charge_id, intent_id = call.params.text("charge"), call.params.text("payment_intent")
    if charge_id is None and intent_id is None:
        raise StripeError(
            400,
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            code="parameter_missing",
            began=False,
        )
    if charge_id is None:
        assert intent_id is not None
        intent = call.need(PaymentIntent, intent_id, param="payment_intent")
        charge_id = intent.latest_charge
        if charge_id is None:
            raise missing_resource("charge", intent_id, "payment_intent")
    # SOURCE: stripe-node#639: the unknown charge of a refund answers 404 with param `id`.
    return call.need(Charge, charge_id)


def _check(charge: Charge, amount: int) -> None:
    if not charge.taken:
        raise StripeError(400, f"Charge {charge.id} is not paid, so it cannot be refunded.")
    if charge.disputed:
        raise charged_back(charge.id)
    if charge.unrefunded == 0:
        raise already_refunded(charge.id)
    if amount > charge.unrefunded:
        raise too_much(amount, charge.unrefunded, charge.currency)


def read_refund(call: EndpointCall) -> Json:
    """GET /v1/refunds/{id}."""
    return call.show(call.need(Refund, call.ids[0]))


def update_refund(call: EndpointCall) -> Json:
    """POST /v1/refunds/{id}: its metadata, which is no effect on money."""
    refund = call.need(Refund, call.ids[0])
    metadata = merge_metadata(refund.metadata, call.params.mapping("metadata"))
    return call.show(call.work.put(replace(refund, metadata=metadata)))


def list_refunds(call: EndpointCall) -> Json:
    """GET /v1/refunds, all, of a charge, or of a payment intent."""
    charge = call.parent(Charge, "charge")
    intent = call.parent(PaymentIntent, "payment_intent")
    rows = call.work.state.rows_of(Refund, charge or intent)
    return page(call, [row for row in rows if intent is None or row.payment_intent == intent])

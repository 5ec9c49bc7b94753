"""Money that was only authorised is taken: all of it, or a part, which lets the rest go."""

from __future__ import annotations

from dataclasses import replace

from sayso.testing.sandbox.call import Call
from sayso.testing.sandbox.problems import (
    StripeError,
    already_captured,
    invalid_param,
    missing_resource,
    not_capturable,
)
from sayso.testing.sandbox.rows import Charge, PaymentIntent, Refund
from sayso.testing.sandbox.shapes import Json

CAPTURE_CHARGE_PARAMS = frozenset({"amount", "expand"})
CAPTURE_INTENT_PARAMS = frozenset({"amount_to_capture", "metadata", "expand"})

RELEASES_SINCE = "2025-03-31"
"""Since this version the rest is let go without a refund; before, it is one, and counts as such.

Source: Stripe changelog 2025-03-31.basil: Partially capturing or canceling payments no longer
creates a Refund.
"""


def capture_charge(call: Call) -> Json:
    """POST /v1/charges/{id}/capture."""
    charge = call.need(Charge, call.ids[0])
    amount = call.params.amount("amount")
    if charge.captured or charge.status == "failed":
        raise already_captured(charge.id)
    if charge.payment_intent is not None:
        raise StripeError(400, f"Capture the payment intent {charge.payment_intent} instead.")
    return call.show(_capture(call, charge, amount, "amount"))


def capture_intent(call: Call) -> Json:
    """POST /v1/payment_intents/{id}/capture."""
    intent = call.need(PaymentIntent, call.ids[0], param="intent")
    amount = call.params.amount("amount_to_capture")
    if intent.status != "requires_capture":
        raise not_capturable(intent.id, intent.status)
    charge = call.work.get(Charge, intent.latest_charge)
    if charge is None:
        raise missing_resource("charge", intent.id, "intent")
    charge = _capture(call, charge, amount, "amount_to_capture")
    done = replace(intent, status="succeeded", amount_received=charge.taken)
    return call.show(call.work.put(done))


def _capture(call: Call, charge: Charge, amount: int | None, param: str) -> Charge:
    taken = charge.amount if amount is None else amount
    if taken > charge.amount:
        raise invalid_param(
            f"The amount to capture ({taken}) is more than the amount of the charge "
            f"({charge.amount}).",
            param,
            "amount_too_large",
            began=True,
        )
    released = charge.amount - taken if call.version < RELEASES_SINCE else 0
    if released:
        call.work.put(
            Refund(
                id=call.work.new_id("re"),
                created=call.now,
                amount=released,
                currency=charge.currency,
                charge=charge.id,
                payment_intent=charge.payment_intent,
                releases=True,
            )
        )
    return call.work.put(replace(charge, captured=True, amount_captured=taken, released=released))

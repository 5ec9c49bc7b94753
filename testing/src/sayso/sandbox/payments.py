"""Money in: charges and confirmed payment intents, paid with Stripe's own test cards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sayso.sandbox.call import EndpointCall, page
from sayso.sandbox.params import merge_metadata
from sayso.sandbox.problems import (
    StripeError,
    already_captured,
    declined,
    invalid_param,
    missing_param,
    missing_resource,
    not_capturable,
)
from sayso.sandbox.rows import Charge, Customer, PaymentCard, PaymentIntent, Refund
from sayso.sandbox.shapes import Json

CHARGE_PARAMS = frozenset(
    {"amount", "currency", "customer", "source", "description", "metadata", "capture", "expand"}
)
_MAX_AMOUNT = 99_999_999  # SOURCE: Stripe docs: Supported currencies: eight digits.
INTENT_PARAMS = frozenset(
    {
        "amount",
        "currency",
        "customer",
        "payment_method",
        "confirm",
        "off_session",
        "description",
        "metadata",
        "payment_method_types",
        "automatic_payment_methods",
        "capture_method",
        "expand",
    }
)


CAPTURE_METHODS = ("automatic", "automatic_async", "manual")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """One of Stripe's test cards, named by the last part of `pm_card_…` and `tok_…`."""

    __test__ = False  # pytest would collect the class for its name

    brand: str
    last4: str
    declines: bool = False
    disputed: bool = False
    refund: Literal["", "pending", "fails"] = ""


# SOURCE: Stripe docs: Testing, test card tokens and payment methods.
TEST_CARDS: dict[str, TestCard] = {
    "visa": TestCard(brand="visa", last4="4242"),
    "mastercard": TestCard(brand="mastercard", last4="4444"),
    "amex": TestCard(brand="amex", last4="8431"),
    "jcb": TestCard(brand="jcb", last4="0505"),
    "chargeDeclined": TestCard(brand="visa", last4="0002", declines=True),
    "createDispute": TestCard(brand="visa", last4="0259", disputed=True),
    "pendingRefund": TestCard(brand="visa", last4="7726", refund="pending"),
    "refundFail": TestCard(brand="visa", last4="5126", refund="fails"),
}


def _money(call: EndpointCall) -> tuple[int, str]:
    amount = call.params.amount("amount")
    if amount is None:
        raise missing_param("amount")
    if amount > _MAX_AMOUNT:
        raise invalid_param(
            f"Amount must be no more than {_MAX_AMOUNT} minor units", "amount", "amount_too_large"
        )
    currency = call.params.currency("currency")
    call.params.check_units("amount", amount, currency)
    return amount, currency


def _card(call: EndpointCall, param: str) -> tuple[str, TestCard]:
    """The payment method's id and how it behaves."""
    named = call.params.text(param)
    customer = call.work.get(Customer, call.params.text("customer"))
    if named is None and customer is not None:
        named = customer.payment_method
    if named is None:
        raise missing_param(param)
    kept = call.work.get(PaymentCard, named)
    if kept is not None:
        return kept.id, TestCard(brand=kept.brand, last4=kept.last4)
    prefix = "pm_card_" if named.startswith("pm_card_") else "tok_"
    test_card = TEST_CARDS.get(named.removeprefix(prefix))
    if test_card is None or not named.startswith(prefix):
        raise missing_resource("PaymentMethod", named, param, 400)
    made = PaymentCard(
        id=call.work.new_id("pm"),
        created=call.now,
        brand=test_card.brand,
        last4=test_card.last4,
        customer=call.params.text("customer"),
    )
    return call.work.put(made).id, test_card


def _charge(call: EndpointCall, card_param: str, intent: str | None, *, captured: bool) -> Charge:
    amount, currency = _money(call)
    customer = call.params.text("customer")
    if customer is not None:
        call.need(Customer, customer, param="customer", status=400)
    card_id, card = _card(call, card_param)
    return call.work.put(
        Charge(
            id=call.work.new_id("ch"),
            created=call.now,
            amount=amount,
            currency=currency,
            captured=captured,
            customer=customer,
            payment_intent=intent,
            payment_method=card_id,
            brand=card.brand,
            last4=card.last4,
            description=call.params.text("description"),
            status="failed" if card.declines else "succeeded",
            disputed=card.disputed,
            failure_code="card_declined" if card.declines else None,
            failure_message="Your card was declined." if card.declines else None,
            metadata=merge_metadata({}, call.params.mapping("metadata")),
        )
    )


def create_charge(call: EndpointCall) -> Json:
    """POST /v1/charges: a handy way to make something that can be refunded."""
    captured = call.params.flag("capture") is not False
    charge = _charge(call, "source", None, captured=captured)
    if charge.status == "failed":
        raise declined(charge.id, "generic_decline")
    return call.show(charge)


def read_charge(call: EndpointCall) -> Json:
    """GET /v1/charges/{id}."""
    return call.show(call.need(Charge, call.ids[0]))


def list_charges(call: EndpointCall) -> Json:
    """GET /v1/charges, all, of a customer, or of a payment intent."""
    customer = call.parent(Customer, "customer")
    intent = call.parent(PaymentIntent, "payment_intent")
    rows = call.work.state.rows_of(Charge, intent or customer)
    return page(call, [row for row in rows if customer is None or row.customer == customer])


def create_intent(call: EndpointCall) -> Json:
    """POST /v1/payment_intents with `confirm=true`; anything else is not modelled."""
    if call.params.flag("confirm") is not True:
        raise StripeError(
            400,
            "This sandbox only makes payment intents that are confirmed at once: pass "
            "`confirm=true` and a `payment_method`.",
            param="confirm",
            began=False,
        )
    manual = call.params.choice("capture_method", CAPTURE_METHODS) == "manual"
    intent_id = call.work.new_id("pi")
    charge = _charge(call, "payment_method", intent_id, captured=not manual)
    intent = PaymentIntent(
        id=intent_id,
        created=call.now,
        amount=charge.amount,
        currency=charge.currency,
        customer=charge.customer,
        payment_method=charge.payment_method,
        latest_charge=charge.id,
        description=charge.description,
        metadata=charge.metadata,
        manual=manual,
        status="requires_capture" if manual else "succeeded",
    )
    if charge.status == "failed":
        call.work.put(replace(intent, status="requires_payment_method", payment_method=None))
        raise declined(charge.id, "generic_decline")
    return call.show(call.work.put(intent))


def read_intent(call: EndpointCall) -> Json:
    """GET /v1/payment_intents/{id}."""
    return call.show(call.need(PaymentIntent, call.ids[0], param="intent"))


def list_intents(call: EndpointCall) -> Json:
    """GET /v1/payment_intents, all or of a customer."""
    return page(call, call.work.state.rows_of(PaymentIntent, call.parent(Customer, "customer")))


CAPTURE_CHARGE_PARAMS = frozenset({"amount", "expand"})
CAPTURE_INTENT_PARAMS = frozenset({"amount_to_capture", "metadata", "expand"})

RELEASES_SINCE = "2025-03-31"
"""Since this version the rest is let go without a refund; before, it is one, and counts as such.

Source: Stripe changelog 2025-03-31.basil: Partially capturing or canceling payments no longer
creates a Refund.
"""


def capture_charge(call: EndpointCall) -> Json:
    """POST /v1/charges/{id}/capture."""
    charge = call.need(Charge, call.ids[0])
    amount = call.params.amount("amount")
    if charge.captured or charge.status == "failed":
        raise already_captured(charge.id)
    if charge.payment_intent is not None:
        raise StripeError(400, f"Capture the payment intent {charge.payment_intent} instead.")
    return call.show(_capture(call, charge, amount, "amount"))


def capture_intent(call: EndpointCall) -> Json:
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


def _capture(call: EndpointCall, charge: Charge, amount: int | None, param: str) -> Charge:
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

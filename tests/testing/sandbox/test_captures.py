"""Payments that are authorised first and captured later, wholly or in part, by the official SDK."""

from __future__ import annotations

import pytest
import stripe

from sayso.sandbox import Sandbox

# The SDK hands its form to httpx in a way that httpx deprecated; it is not ours to repair.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

OLD = "2025-02-24.acacia"
"""The last version by which a partial capture makes a refund."""


def authorise(client: stripe.StripeClient, amount: int = 10_000) -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": "usd",
            "customer": "cus_demo_ana",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "capture_method": "manual",
        }
    )


def charge_of(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> stripe.Charge:
    assert isinstance(intent.latest_charge, str)
    return client.v1.charges.retrieve(intent.latest_charge)


def money_in(client: stripe.StripeClient) -> int:
    return next(
        one.amount for one in client.v1.balance.retrieve().available if one.currency == "usd"
    )


def test_an_authorised_payment_is_no_money_yet(client: stripe.StripeClient) -> None:
    """`requires_capture`, nothing captured, and nothing that could be refunded."""
    before = money_in(client)
    intent = authorise(client)
    charge = charge_of(client, intent)

    assert (intent.status, intent.amount_capturable) == ("requires_capture", 10_000)
    assert (intent.amount_received, intent.capture_method) == (0, "manual")
    assert (charge.status, charge.captured, charge.amount_captured) == ("succeeded", False, 0)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert money_in(client) == before
    with pytest.raises(stripe.InvalidRequestError, match="not paid"):
        client.v1.refunds.create({"charge": charge.id})


def test_a_part_is_captured_and_the_rest_is_no_refund(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Stripe changelog 2025-03-31.basil: `amount_refunded` does not count what was let go."""
    before = money_in(client)
    intent = authorise(client)
    done = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 6_000})
    charge = charge_of(client, done)

    assert (done.status, done.amount_capturable, done.amount_received) == ("succeeded", 0, 6_000)
    assert (charge.captured, charge.amount, charge.amount_captured) == (True, 10_000, 6_000)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert client.v1.refunds.list({"charge": charge.id}).data == []
    assert money_in(client) == before + 6_000
    assert not sandbox.books().effects

    with pytest.raises(stripe.InvalidRequestError, match=r"\(\$60\.00\)"):
        client.v1.refunds.create({"charge": charge.id, "amount": 6_001})
    assert client.v1.refunds.create({"charge": charge.id}).amount == 6_000
    charge = client.v1.charges.retrieve(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (6_000, True)
    assert money_in(client) == before


def test_an_old_version_counts_what_it_lets_go_as_refunded(
    client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    """Before 2025-03-31.basil a partial capture makes a refund, whoever reads the charge later."""
    before = money_in(client)
    done = client.v1.payment_intents.capture(
        authorise(client).id, {"amount_to_capture": 6_000}, {"stripe_version": OLD}
    )
    charge = charge_of(client, done)
    (rest,) = client.v1.refunds.list({"charge": charge.id}).data

    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (
        6_000,
        4_000,
        False,
    )
    assert (rest.amount, rest.reason) == (4_000, None)
    assert money_in(client) == before + 6_000
    assert not sandbox.books().effects, "nobody refunded anything"

    assert client.v1.refunds.create({"charge": charge.id}).amount == 6_000
    charge = client.v1.charges.retrieve(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (10_000, True)
    assert sandbox.books().money_out == {"usd": 6_000}


def test_all_of_it_is_captured_by_default(client: stripe.StripeClient) -> None:
    """Without an amount, for a payment intent and for a charge; an old version refunds nothing."""
    done = client.v1.payment_intents.capture(authorise(client).id, {}, {"stripe_version": OLD})
    assert (done.amount_received, charge_of(client, done).amount_refunded) == (10_000, 0)

    charge = client.v1.charges.create(
        {"amount": 700, "currency": "usd", "source": "tok_visa", "capture": False}
    )
    assert (charge.captured, charge.amount_captured) == (False, 0)
    charge = client.v1.charges.capture(charge.id)
    assert (charge.captured, charge.amount_captured) == (True, 700)


def test_a_part_of_a_charge_is_captured(client: stripe.StripeClient) -> None:
    """Stripe docs: Capture a charge: `amount`."""
    charge = client.v1.charges.create(
        {"amount": 700, "currency": "usd", "source": "tok_visa", "capture": False}
    )
    assert client.v1.charges.capture(charge.id, {"amount": 300}).amount_captured == 300
    assert client.v1.refunds.create({"charge": charge.id}).amount == 300


def test_a_capture_that_cannot_be_is_refused(client: stripe.StripeClient) -> None:
    """Twice, more than was authorised, and past the payment intent."""
    intent = authorise(client)
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 10_001})
    with pytest.raises(stripe.InvalidRequestError) as beside:
        client.v1.charges.capture(charge_of(client, intent).id)
    client.v1.payment_intents.capture(intent.id)
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.payment_intents.capture(intent.id)
    with pytest.raises(stripe.InvalidRequestError) as twice:
        client.v1.charges.capture("ch_demo_ana_1")

    assert too_much.value.code == "amount_too_large"
    assert beside.value.http_status == 400
    assert again.value.code == "payment_intent_unexpected_state"
    assert twice.value.code == "charge_already_captured"

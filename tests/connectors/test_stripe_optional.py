"""What Stripe may leave out of an answer is filled in; nothing that matters is made up."""

from __future__ import annotations

import json

import pytest

from sayso.connectors.stripe.optional import with_optional


@pytest.mark.promise("connectors:optional-fields")
def test_what_is_missing_and_means_nothing_is_filled_in() -> None:
    """A customer's balance, and a plan in place of a price, with the period where it was before."""
    plan = {"id": "plan_1", "amount": 2000, "currency": "usd", "interval": "month"}
    item = {"object": "subscription_item", "id": "si_1", "plan": plan}
    sub = {
        "object": "subscription",
        "id": "sub_1",
        "current_period_end": 9,
        "items": {"data": [item]},
    }
    found = json.loads(with_optional(json.dumps({"data": [sub, {"object": "customer"}]}).encode()))
    first, customer = found["data"]
    (whole,) = first["items"]["data"]
    assert (first["currency"], whole["current_period_end"]) == ("usd", 9)
    assert whole["price"]["unit_amount"] == 2000
    assert whole["price"]["recurring"]["interval"] == "month"
    assert customer["balance"] == 0


@pytest.mark.promise("connectors:optional-fields")
@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b'{"object": "payout"}',
        b'{"object":"refund","reason":"x","failure_reason":null,"metadata":{"a":"b"}}',
    ],
)
def test_nothing_else_is_changed(body: bytes) -> None:
    """The very same bytes, also of what nobody can read; the reader says so then."""
    assert with_optional(body) == body


@pytest.mark.promise("connectors:optional-fields")
@pytest.mark.parametrize("kind", ["charge", "refund", "customer", "subscription"])
def test_what_says_whose_how_much_or_how_it_stands_is_never_made_up(kind: str) -> None:
    """Without it an answer cannot be read."""
    found = json.loads(with_optional(json.dumps({"object": kind}).encode()))
    assert not {"id", "amount", "amount_refunded", "customer", "status", "created"} & set(found)

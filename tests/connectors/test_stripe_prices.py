"""What a subscription costs, as the card, the policy and a planner are told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import stripe
from connectors.benches import ANA
from connectors.stripe_desk import open_desk

from sayso.connectors.stripe.subscriptions import price_of
from sayso.json import JsonObject
from sayso.money import Money
from sayso.testing.sandbox.rows import Price, Subscription


async def test_a_price_of_several_months_is_not_told_as_one_of_a_month() -> None:
    """$90.00 for three months, on the card, for the policy and for a planner."""
    async with open_desk() as desk:
        plain = Subscription(
            id="sub_quarter",
            created=1_790_000_000,
            customer=ANA.id,
            item="si_quarter",
            price="price_quarter",
            currency="usd",
            period_start=1_790_000_000,
            period_end=1_990_000_000,
        )
        price = Price(
            id="price_quarter",
            created=1_790_000_000,
            product="prod_quarter",
            unit_amount=4_500,
            currency="usd",
            interval="month",
            interval_count=3,
        )
        desk.sandbox.add(price, replace(plain, quantity=2))
        asked: JsonObject = {"subscription": "sub_quarter", "when": "now"}
        found = await desk.resolve("stripe.cancel_subscription", asked)
        (record,) = (
            one for one in await desk.connectors.list_records(ANA) if one.id == "sub_quarter"
        )
        assert found.fields["subscription"] == "the subscription ($90.00 per 3 months)"
        assert (found.facts["price"], found.facts["interval"]) == (Money(9_000, "USD"), "3 months")
        assert record.title == "subscription $90.00 per 3 months, active"
        assert record.facts["interval"] == "3 months"


PRICE: JsonObject = {
    "id": "price_1",
    "object": "price",
    "unit_amount": 1_000,
    "unit_amount_decimal": "1000",
    "transform_quantity": None,
    "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
}


@pytest.mark.parametrize(
    ("price", "quantity", "cents"),
    [
        ({}, 3, 3_000),
        ({}, None, 1_000),
        ({"unit_amount": None, "unit_amount_decimal": "0.5"}, 1_001, 501),
        ({"unit_amount": None, "unit_amount_decimal": None}, 5, 0),
        ({"transform_quantity": {"divide_by": 10, "round": "up"}}, 21, 3_000),
        ({"transform_quantity": {"divide_by": 10, "round": "down"}}, 29, 2_000),
        (
            {"recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered"}},
            None,
            0,
        ),
    ],
    ids=["seats", "one", "fractions", "tiers", "packs", "whole-packs", "metered"],
)
def test_an_item_costs_what_stripe_bills_for_it(
    price: JsonObject, quantity: int | None, cents: int
) -> None:
    """Stripe docs, Prices: fractions of a cent, packs of many, and nothing fixed where metered."""
    item: JsonObject = {"id": "si_1", "price": {**PRICE, **price}}
    if quantity is not None:
        item = {**item, "quantity": quantity}
    subscription = stripe.Subscription.construct_from(
        {"id": "sub_1", "currency": "usd", "items": {"object": "list", "data": [item]}}, None
    )
    assert price_of(subscription) == (Money(cents, "USD"), "month")

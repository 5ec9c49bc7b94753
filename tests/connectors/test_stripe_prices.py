"""What a subscription costs, as the card, the policy and a planner are told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import stripe
from connectors.benches import ANA
from connectors.stripe_account import StripeAccount, open_account

from sayso.actions.model.snapshot import Receipt
from sayso.connectors.stripe.items import first_period_end, period_end, price_of
from sayso.connectors.stripe.subscriptions import title_of
from sayso.json import JsonObject, JsonValue
from sayso.money import Money
from sayso.sandbox.rows import Price, Subscription, SubscriptionItem


async def test_a_price_of_several_months_is_not_told_as_one_of_a_month() -> None:
    """$90.00 for three months, on the card, for the policy and for a planner."""
    async with open_account() as account:
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
        account.sandbox.add(price, replace(plain, quantity=2))
        asked: JsonObject = {"subscription": "sub_quarter", "when": "now"}
        found = await account.resolve("stripe.cancel_subscription", asked)
        (record,) = (
            one for one in await account.connectors.list_records(ANA) if one.id == "sub_quarter"
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


def recurring(interval: str, cents: int, *, usage: str = "licensed", count: int = 1) -> JsonObject:
    """An item at that price."""
    per: JsonObject = {"interval": interval, "interval_count": count, "usage_type": usage}
    price: JsonObject = {**PRICE, "unit_amount_decimal": str(cents), "recurring": per}
    return {"id": f"si_{interval}", "price": price}


@pytest.mark.parametrize(
    ("items", "title", "told"),
    [
        (
            [recurring("month", 1_500), recurring("month", 10_000, count=3)],
            "$15.00 per month and $100.00 per 3 months",
            (11_500, "month and 3 months"),
        ),
        (
            [recurring("month", 0, usage="metered"), recurring("year", 9_900)],
            "$99.00 per year",
            (9_900, "year"),
        ),
        (
            [recurring("year", 500), recurring("month", 100), recurring("year", 500)],
            "$10.00 per year and $1.00 per month",
            (1_100, "year and month"),
        ),
        ([recurring("week", 7, usage="metered")], "$0.00 per week", (0, "week")),
    ],
)
def test_what_is_billed_at_different_times_is_not_told_as_one_sum_per_month(
    items: list[JsonValue], title: str, told: tuple[int, str]
) -> None:
    """Stripe changelog 2025-07-30: items of one subscription can have different intervals."""
    subscription = stripe.Subscription.construct_from(
        {"id": "sub_1", "currency": "usd", "items": {"object": "list", "data": items}}, None
    )
    cents, interval = told
    assert title_of(subscription) == title
    assert price_of(subscription) == (Money(cents, "USD"), interval)


START, END = 1_790_000_000, 1_990_000_000


def _with_items(account: StripeAccount, many: int) -> None:
    """`sub_many` of that many items: the first at $10.00 a month, the others at $1.00."""
    for name, cents in (("ten", 1_000), ("one", 100)):
        account.sandbox.add(
            Price(
                id=f"price_{name}",
                created=START,
                product="prod_many",
                unit_amount=cents,
                currency="usd",
                interval="month",
            )
        )
    others = (SubscriptionItem(id=f"si_{number}", price="price_one") for number in range(1, many))
    account.sandbox.add(
        Subscription(
            id="sub_many",
            created=START,
            customer=ANA.id,
            item="si_0",
            price="price_ten",
            currency="usd",
            period_start=START,
            period_end=END,
            others=tuple(others),
        )
    )


@pytest.mark.parametrize(("many", "costs"), [(10, 1_900), (11, 2_000), (150, 15_900)])
async def test_a_price_counts_the_items_that_a_subscription_does_not_show(
    many: int, costs: int
) -> None:
    """Stripe shows ten items and says `has_more`; card, policy and planner are told of all."""
    async with open_account() as account:
        _with_items(account, many)
        asked: JsonObject = {"subscription": "sub_many"}
        found = await account.resolve("stripe.cancel_subscription", asked)
        (record,) = (
            one for one in await account.connectors.list_records(ANA) if one.id == "sub_many"
        )
        price = Money(costs, "USD")
        assert found.facts["price"] == price
        assert found.fields["subscription"] == f"the subscription ({price} per month)"
        assert record.facts["price"] == price
        assert record.title == f"subscription {price} per month, active"


async def test_an_answer_that_does_not_show_all_items_says_nothing_of_their_period() -> None:
    """The receipt of a cancellation claims no day that an unseen item may change."""
    async with open_account() as account:
        _with_items(account, 11)
        call = await account.plan("stripe.cancel_subscription", {"subscription": "sub_many"})
        done = await account.outcome(call)
        assert isinstance(done, Receipt)
        assert done.details["paid until"] is None


def test_a_cancellation_at_the_periods_end_comes_with_the_first_period_that_ends() -> None:
    """Stripe changelog 2025-07-30: with mixed intervals the earliest end of an item counts."""
    items: list[JsonValue] = [
        {"id": f"si_{end}", "price": PRICE, "current_period_end": end} for end in (300, 100, 200)
    ]
    subscription = stripe.Subscription.construct_from(
        {"id": "sub_1", "items": {"object": "list", "data": items, "has_more": False}}, None
    )
    assert (first_period_end(subscription), period_end(subscription)) == (100, 300)
